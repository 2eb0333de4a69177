import { TcpProxy } from '../../support/tcp-proxy.js'
import { eventually } from '../../support/test-store.js'
import { Child } from './child.js'

/** A process of the product, which reaches Redis and MySQL by cables of its own. */
export class ProductPart {
  private child: Child

  private constructor(
    readonly name: string,
    readonly redisCable: TcpProxy,
    readonly databaseCable: TcpProxy,
    private readonly start: () => Child,
    /** Where an instance of the API listens; 0 for a worker. */
    readonly port: number,
  ) {
    this.child = start()
  }

  static async start(o: {
    command: 'api' | 'worker'
    name: string
    /** What `node` is given before the product's file. */
    nodeArgs: readonly string[]
    mainFile: string
    redisUrl: string
    databaseUrl: string
    port: number
    env: Readonly<Record<string, string>>
    logFile: string
  }): Promise<ProductPart> {
    const [redisCable, databaseCable] = await Promise.all([o.redisUrl, o.databaseUrl].map(TcpProxy.open))
    if (!redisCable || !databaseCable) throw new Error('a cable is missing')
    const start = () =>
      Child.start({
        command: process.execPath,
        args: [...o.nodeArgs, o.mainFile, o.command],
        env: {
          PATH: process.env.PATH,
          ...o.env,
          REDIS_URL: redisCable.url,
          DATABASE_URL: databaseCable.url,
          PORT: String(o.port),
        },
        logFile: o.logFile,
      })
    return new ProductPart(o.name, redisCable, databaseCable, start, o.port)
  }

  get log(): string {
    return this.child.log
  }

  get hasEnded(): boolean {
    return this.child.hasEnded
  }

  /** @returns whether it ran. */
  async kill(): Promise<boolean> {
    const ran = !this.hasEnded
    await this.child.kill()
    return ran
  }

  /** Asks it to end. @returns its exit status, or the signal that ended it. */
  stop(): Promise<number | NodeJS.Signals> {
    return this.child.stop()
  }

  signal(signal: NodeJS.Signals): void {
    this.child.signal(signal)
  }

  /** Starts it again if it has ended. */
  restart(): void {
    if (this.hasEnded) this.child = this.start()
  }

  /** Whether it says that it can make reservations. */
  async isReady(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`, {
      signal: AbortSignal.timeout(2000),
    }).catch(() => undefined)
    await answer?.text()
    return answer?.status === 200
  }

  /** @throws Error with the end of its log when it ends instead. */
  async becomesReady(timeoutMs = 30_000): Promise<void> {
    await eventually(
      async () => {
        if (this.hasEnded) throw new Error(`${this.name} ended: ${this.log.slice(-2000)}`)
        return this.isReady()
      },
      `${this.name} is ready`,
      timeoutMs,
    )
  }

  /** Ends it and its cables. */
  async close(): Promise<void> {
    if (!this.hasEnded) {
      this.child.signal('SIGCONT')
      await this.child.kill()
    }
    await Promise.all([this.redisCable.unplug(), this.databaseCable.unplug()])
  }
}
