import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { endWithParent } from '../../src/embedded/parent-exit.js'
import { afterEachFile } from './endings.js'
import { eventually, type TestStore } from './test-store.js'

/** What `npm test` has built of the sources, for the tests that run processes. */
export const mainFile = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** `holdfast COMMAND` as a process of its own. */
export class HoldfastCommand {
  stdout = ''
  stderr = ''
  /** Resolves with the exit status, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  private readonly child: ChildProcess

  /** @param settings its environment, beside PATH and HOME: nothing of this process' leaks into it. */
  constructor(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env
    this.child = spawn(process.execPath, [mainFile, ...args], {
      env: { PATH, HOME, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this)
    const forget = endWithParent(this.child.pid as number)
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.ended = once(this.child, 'close').then(([status, signal]) => {
      running.delete(this)
      forget()
      return signal ?? status
    })
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Where it listens, once it does. @throws Error with what it said when it ends before. */
  async url(timeoutMs = 60_000): Promise<string> {
    const found = () => /(?:listens on |"url":")(http:[^\s"]+)/.exec(this.stdout + this.stderr)?.[1]
    await this.says(() => found() !== undefined, timeoutMs)
    return found() as string
  }

  /** Resolves when it has said something. */
  async says(what: RegExp | (() => boolean), timeoutMs = 60_000): Promise<void> {
    const said = typeof what === 'function' ? what : () => what.test(this.stdout + this.stderr)
    await eventually(() => said() || this.hasEnded, 'it has said so', timeoutMs)
    if (!said()) throw new Error(`it ended: ${this.stderr}${this.stdout}`)
  }

  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(signal)
    return this.ended
  }
}

/** The environment in which a command has a test's store, and listens on any free port. */
export function settingsOf({ name, config }: TestStore): Record<string, string> {
  return {
    REDIS_URL: config.redisUrl,
    DATABASE_URL: config.databaseUrl,
    HOLDFAST_STORES: name,
    PORT: '0',
  }
}

const running = new Set<HoldfastCommand>()

afterEachFile.push(async () => {
  for (const command of running) await command.kill('SIGKILL')
})
