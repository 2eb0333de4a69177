import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { endWithParent } from '../../../src/embedded/parent-exit.js'

const stopTimeoutMs = 20_000

/** A process of ours, which ends with this one at the latest; what it prints is added to a file. */
export class Child {
  /** Resolves with its exit status or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>

  private constructor(
    private readonly process: ChildProcess,
    private readonly logFile: string,
    private readonly logStart: number,
  ) {
    const forget = process.pid ? endWithParent(process.pid) : () => {}
    this.ended = once(process, 'exit').then(([status, signal]) => {
      forget()
      return signal ?? status
    })
  }

  /** @param env all of its environment. */
  static start(o: {
    command: string
    args: readonly string[]
    env: Record<string, string | undefined>
    logFile: string
  }): Child {
    const log = openSync(o.logFile, 'a', 0o600)
    const { size } = fstatSync(log)
    const child = spawn(o.command, o.args, { env: o.env, stdio: ['ignore', log, log] })
    closeSync(log)
    return new Child(child, o.logFile, size)
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** What it has printed. */
  get log(): string {
    return readFileSync(this.logFile).subarray(this.logStart).toString()
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  /** Asks it to end and waits for that. @returns as `ended`; it is killed when it takes too long. */
  async stop(): Promise<number | NodeJS.Signals> {
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), stopTimeoutMs)
    const how = await this.ended
    clearTimeout(timer)
    return how
  }
}
