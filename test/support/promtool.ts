import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lastLines, runCommand } from '../../src/embedded/command-run.js'
import { findProgram, thisMachine } from '../../src/embedded/machine.js'

/** Kept between runs; removed with the dependencies. */
const cache = fileURLToPath(new URL('../../node_modules/.cache/promtool/promtool', import.meta.url))
const downloadTimeoutMs = 180_000

/** The path of Prometheus' own checker: the machine's, or that of Debian's package. */
export async function providePromtool(): Promise<string> {
  const found = await findProgram(thisMachine(), ['promtool'])
  if (found !== undefined) return found
  if (!(await stat(cache).catch(() => undefined))) await unpack()
  return cache
}

/** Takes the one program out of the package: installing it would start a Prometheus. */
async function unpack(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-promtool-'))
  try {
    // The download is apt's sandboxed user's, where root asks for it.
    const script = `cd "$0" && { apt-get -q download prometheus || { apt-get -q update && apt-get -q download prometheus; }; } &&
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool`
    const result = await runCommand(['sh', '-c', script, folder], { timeoutMs: downloadTimeoutMs })
    if (result.status !== 0) throw new Error(`promtool cannot be had: ${lastLines(result.output)}`)
    await mkdir(join(cache, '..'), { recursive: true })
    const unpacked = join(cache, '..', `promtool-${process.pid}`)
    await runCommand(['cp', join(folder, 'usr/bin/promtool'), unpacked], { timeoutMs: downloadTimeoutMs })
    await rename(unpacked, cache)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs it. @returns its status and all that it has said. */
export async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ status: number; said: string }> {
  const child = spawn(await providePromtool(), args, { stdio: 'pipe' })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text
    })
  }
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [status] = await once(child, 'close')
  return { status, said }
}
