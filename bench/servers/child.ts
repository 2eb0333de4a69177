import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { endWithParent } from '#product/embedded/parent-exit.js'

const stopTimeoutMs = 15_000
const messageTimeoutMs = 120_000
/** What this shell may set for another Holdfast, and what is not measured for that. */
const settings = /^(HOLDFAST_|REDIS_URL$|DATABASE_URL$|HOST$|PORT$|LOG_LEVEL$|NODE_OPTIONS$)/

/** A Node process of ours; what it prints goes to a file of its own. */
export class Child {
  private static count = 0

  private constructor(
    readonly name: string,
    private readonly process: ChildProcess,
    private readonly logFile: string,
    private readonly forget: () => void,
  ) {}

  static start(o: {
    name: string
    args: readonly string[]
    env: Record<string, string>
    folder: string
  }): Child {
    const logFile = join(o.folder, `${++Child.count}.log`)
    const log = openSync(logFile, 'a', 0o600)
    const child = spawn(process.execPath, o.args, {
      env: { ...withoutSettings(process.env), NODE_ENV: 'production', ...o.env },
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    return new Child(o.name, child, logFile, child.pid ? endWithParent(child.pid) : () => {})
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** How it ended, once it has. */
  get status(): number | NodeJS.Signals {
    return this.process.signalCode ?? this.process.exitCode ?? 0
  }

  get output(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** The first message it sends. @throws Error with the end of its log when it ends instead, or is silent. */
  async message(): Promise<unknown> {
    const ended = once(this.process, 'exit').then(() => {
      throw this.failure()
    })
    ended.catch(() => {})
    const late = delay(messageTimeoutMs, undefined, { ref: false }).then(() => {
      throw new Error(`${this.name} said nothing within ${messageTimeoutMs / 1000} s`)
    })
    const [message] = await Promise.race([once(this.process, 'message'), ended, late])
    late.catch(() => {})
    return message
  }

  failure(): Error {
    const tail = this.output.trim().split('\n').slice(-12).join('\n')
    const { exitCode, signalCode } = this.process
    return new Error(
      `${this.name} ended (${signalCode ?? `status ${exitCode}`}): ${tail || 'it printed nothing'}`,
    )
  }

  /** Stops it where it is, as a frozen machine would. */
  pause(): void {
    this.process.kill('SIGSTOP')
    // The SIGTERM it gets when we end would otherwise wait for ever.
    process.once('exit', this.resume)
  }

  readonly resume = (): void => {
    process.off('exit', this.resume)
    this.process.kill('SIGCONT')
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.forget()
    if (this.ended) return
    const exited = once(this.process, 'exit')
    this.resume()
    this.process.kill('SIGTERM')
    const late = delay(stopTimeoutMs, 'late', { ref: false })
    if ((await Promise.race([exited, late])) === 'late') {
      this.process.kill('SIGKILL')
      await exited
    }
  }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.test(name)))
}
