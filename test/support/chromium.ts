import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'
import { lastLines, runCommand } from '../../src/embedded/command-run.js'
import { findProgram, thisMachine } from '../../src/embedded/machine.js'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const installTimeoutMs = 240_000

/** As it runs where nobody looks at it, and without asking the internet for anything. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Chromium {
  context: BrowserContext
  /** Ends the browser and removes all it has kept. */
  close(): Promise<void>
}

/** A browser of its own, with nothing remembered. */
export async function openChromium(options: BrowserContextOptions = {}): Promise<Chromium> {
  const executablePath = await provideChromium()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-chromium-'))
  const context = await chromium.launchPersistentContext(folder, {
    ...options,
    executablePath,
    args: flags,
    headless: true,
  })
  return {
    context,
    close: async () => {
      await context.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The path of a Chromium, installed with apt where there is none and it may be used. */
export async function provideChromium(): Promise<string> {
  const found = await findProgram(thisMachine(), names)
  if (found !== undefined) return found
  await install()
  const installed = await findProgram(thisMachine(), names)
  if (installed === undefined) throw new Error('The console is tested in Chromium, which is not installed.')
  return installed
}

/** @throws Error with the reason why it cannot. */
async function install(): Promise<void> {
  const machine = thisMachine()
  const apt = await findProgram(machine, ['apt-get'])
  const sudo = machine.userId === 0 ? [] : [(await findProgram(machine, ['sudo'])) ?? '', '-n']
  if (!apt || sudo[0] === '') {
    throw new Error('The console is tested in Chromium: install it, for apt may not be used here.')
  }
  const aptGet = (...args: string[]) => {
    const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_SUSPEND=1']
    const options = ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold']
    return runCommand([...sudo, ...env, apt, ...options, ...args] as [string, ...string[]], {
      timeoutMs: installTimeoutMs,
    })
  }
  // A browser without any font draws no text.
  const packages = ['chromium', 'fonts-noto-core']
  const installed = () => aptGet('install', '-y', '--no-install-recommends', '--no-remove', ...packages)
  console.log('installing Chromium with apt, for the tests of the console ...')
  let result = await installed()
  if (result.status !== 0 && (await aptGet('update')).status === 0) result = await installed()
  if (result.status !== 0) throw new Error(`Chromium cannot be installed: ${lastLines(result.output)}`)
}
