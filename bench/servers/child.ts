import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { endWithParent } from '#product/embedded/parent-exit.js'

const stopTimeoutMs = 15_000

/** A Node process of ours; what it prints goes to a file. */
export class Child {
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
    logFile: string
  }): Child {
    const log = openSync(o.logFile, 'a', 0o600)
    const child = spawn(process.execPath, o.args, {
      env: { ...process.env, ...o.env },
      stdio: ['ignore', log, log, 'ipc'],
    })
    return new Child(o.name, child, o.logFile, child.pid ? endWithParent(child.pid) : () => {})
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** The first message it sends. @throws Error with the end of its log when it ends instead. */
  async message(): Promise<unknown> {
    const ended = once(this.process, 'exit').then(() => {
      throw this.failure()
    })
    const [message] = await Promise.race([once(this.process, 'message'), ended])
    ended.catch(() => {})
    return message
  }

  failure(): Error {
    const tail = readFileSync(this.logFile, 'utf8').trim().split('\n').slice(-12).join('\n')
    return new Error(`${this.name} ended: ${tail || 'it printed nothing'}`)
  }

  /** Stops it where it is, as a frozen machine would. */
  pause(): void {
    this.process.kill('SIGSTOP')
  }

  resume(): void {
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
