import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { processStart } from '../../src/embedded/process-identity.js'

/** A test with a folder of its own; fails if a server still runs on it afterwards. */
export const folderTest = test.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures wanted from this pattern.
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
    await use(folder)
    const left = await leftRunning(folder)
    for (const pid of left) process.kill(pid, 'SIGKILL')
    await rm(folder, { recursive: true, force: true })
    expect(left, 'servers still running after the test').toEqual([])
  },
})

/** By the pid files of stopped servers (there must be none) and by the folder in a command line. */
async function leftRunning(folder: string): Promise<number[]> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('server.pid'))
  const kept = await Promise.all(
    files.map(async (name) => Number(await readFile(join(folder, name), 'utf8'))),
  )
  const commands = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n')
  const named = commands
    .filter((line) => line.includes(`${folder}/`))
    .map((line) => Number.parseInt(line, 10))
  return stillRunning([...new Set([...kept, ...named])])
}

/** Those of the processes that run; one that ended and that nobody has waited for does not. */
export async function stillRunning(pids: readonly number[]): Promise<number[]> {
  const starts = await Promise.all(pids.map(processStart))
  return pids.filter((_pid, index) => starts[index] !== undefined)
}
