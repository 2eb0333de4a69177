/** What the product's own private servers have in common. */
interface Server {
  pid: number
  /** Resolves when it ends, wanted or not. */
  exited: Promise<string>
  stop(): Promise<void>
}

/**
 * A server that faults kill and start again, several of them at once: it is killed once, and started
 * once.
 */
export abstract class ServerHost<S extends Server> {
  private isDown = false
  private work: Promise<unknown> = Promise.resolve()

  protected constructor(protected server: S) {
    this.watch()
  }

  get pid(): number {
    return this.server.pid
  }

  /** Resolves when the server has ended, by whatever reason. */
  get exited(): Promise<string> {
    return this.server.exited
  }

  /** kill -9, and nothing else: `restart` starts it again. @returns whether it ran. */
  kill(): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.isDown) return false
      this.signal('SIGKILL')
      await this.server.exited
      return true
    })
  }

  /** Starts it after it was killed, or ended by itself. */
  restart(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.isDown) return
      // It has ended: this frees its folder.
      await this.server.stop()
      this.server = await this.startAgain()
      this.isDown = false
      this.watch()
    })
  }

  /** Ends it in order and starts it again. */
  async stopAndStart(): Promise<void> {
    await this.inTurn(() => this.server.stop())
    await this.restart()
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.inTurn(() => this.server.stop())
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.server.pid, signal)
  }

  /** On the same folder and port. */
  protected abstract startAgain(): Promise<S>

  private watch(): void {
    this.server.exited.then(() => {
      this.isDown = true
    })
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.work.then(act)
    this.work = done.catch(() => {})
    return done
  }
}
