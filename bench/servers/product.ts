import { setTimeout as delay } from 'node:timers/promises'
import { migrateDatabase } from '#product/commands/migrate.js'
import { readConfig } from '#product/config.js'
import { anyFreePort } from '#product/embedded/port-choice.js'
import type { RedisServer } from '#product/embedded/redis-server.js'
import { readPeakMb } from '../process-memory.js'
import type { BenchServers } from './bench-servers.js'
import { Child } from './child.js'
import type { Cleanup } from './cleanup.js'
import { RedisFacts } from './redis-facts.js'
import { inRepository, type Target } from './target.js'

export interface ProductOptions {
  servers: BenchServers
  cleanup: Cleanup
  fsync?: 'always' | 'everysec'
  apis?: number
  workers?: number
  /** Settings of the product's processes over their defaults. */
  env?: Record<string, string>
}

export interface CommandRun {
  status: number | NodeJS.Signals
  output: string
  seconds: number
  /** The most memory it had in use. */
  peakMb: number
}

const readyTimeoutMs = 30_000
const waitMaxMs = 300_000
const pollMs = 10

/** The product as production runs it: API and worker as processes, on a Redis and a database of its own. */
export class Product implements Target {
  readonly facts: RedisFacts
  private workers: Child[] = []

  private constructor(
    readonly urls: readonly string[],
    readonly redis: RedisServer,
    readonly databaseUrl: string,
    private readonly apis: readonly Child[],
    private readonly mariadbPid: number,
    private readonly env: Record<string, string>,
    private readonly options: ProductOptions,
    private readonly dropDatabase: () => Promise<void>,
  ) {
    this.facts = new RedisFacts(redis.url)
  }

  static async start(options: ProductOptions): Promise<Product> {
    const { servers, cleanup } = options
    const redis = await servers.startRedis(options.fsync)
    const database = await servers.createDatabase()
    const env = { ...options.env, REDIS_URL: redis.url, DATABASE_URL: database.url, LOG_LEVEL: 'warn' }
    await migrateDatabase(readConfig(env))
    const apis: Child[] = []
    const urls: string[] = []
    for (let i = 0; i < (options.apis ?? 1); i++) {
      const port = await anyFreePort()
      const child = startPart('api', { ...env, PORT: String(port) }, options)
      apis.push(child)
      cleanup.add(() => child.stop())
      urls.push(`http://127.0.0.1:${port}`)
      await becomesReady(child, `http://127.0.0.1:${port}`)
    }
    const product = new Product(
      urls,
      redis,
      database.url,
      apis,
      servers.mariadb.pid,
      env,
      options,
      database.drop,
    )
    for (let i = 0; i < (options.workers ?? 1); i++) product.startWorker()
    return product
  }

  get pids(): Record<'api' | 'redis' | 'worker' | 'mariadb', readonly number[]> {
    return {
      api: this.apis.map((child) => child.pid),
      redis: [this.redis.pid],
      worker: this.workers.map((child) => child.pid),
      mariadb: [this.mariadbPid],
    }
  }

  get url(): string {
    return this.urls[0] as string
  }

  startWorker(): void {
    const child = startPart('worker', this.env, this.options)
    this.options.cleanup.add(() => child.stop())
    this.workers.push(child)
  }

  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()))
    this.workers = []
  }

  pauseWorkers(): void {
    for (const worker of this.workers) worker.pause()
  }

  resumeWorkers(): void {
    for (const worker of this.workers) worker.resume()
  }

  /** Ledger entries that MySQL lacks. */
  entriesBehind(): Promise<number> {
    return this.facts.entriesBehind()
  }

  /**
   * Waits until MySQL holds everything. @returns how many ms that took.
   *
   * @throws Error when that takes longer than `waitMaxMs`, or a process has ended.
   */
  drain(): Promise<number> {
    return this.waitUntil('MySQL holds everything', async () => (await this.entriesBehind()) === 0)
  }

  /** Polls. @returns after how many ms it was so. @throws Error as `drain` does. */
  async waitUntil(what: string, isSo: () => Promise<boolean>): Promise<number> {
    const began = performance.now()
    while (!(await isSo())) {
      const dead = [...this.apis, ...this.workers].find((child) => child.ended)
      if (dead) throw dead.failure()
      if (performance.now() - began > waitMaxMs) throw new Error(`not within ${waitMaxMs / 1000} s: ${what}`)
      await delay(pollMs)
    }
    return performance.now() - began
  }

  /** Runs a command of the product on the same servers. @returns how it ended, what it printed and took. */
  async runCommand(name: string): Promise<CommandRun> {
    const { cleanup, servers } = this.options
    const began = performance.now()
    const args = [inRepository('dist/main.js'), name]
    const child = Child.start({ name: `holdfast ${name}`, args, env: this.env, folder: servers.folder })
    cleanup.add(() => child.stop())
    let peakMb = Number.NaN
    while (!child.ended) {
      peakMb = readPeakMb(child.pid) || peakMb
      await delay(pollMs)
    }
    return {
      status: child.status,
      output: child.output,
      seconds: (performance.now() - began) / 1000,
      peakMb,
    }
  }

  /** Ends its processes and its Redis, and drops its database. */
  async stop(): Promise<void> {
    this.facts.close()
    await Promise.all([...this.apis, ...this.workers].map((child) => child.stop()))
    await this.redis.stop()
    await this.dropDatabase()
  }
}

function startPart(part: 'api' | 'worker', env: Record<string, string>, o: ProductOptions): Child {
  const args = [inRepository('dist/main.js'), part]
  return Child.start({ name: `holdfast ${part}`, args, env, folder: o.servers.folder })
}

async function becomesReady(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  for (;;) {
    const status = await fetch(`${url}/readyz`).then(
      ({ status }) => status,
      () => 0,
    )
    if (status === 200) return
    if (child.ended) throw child.failure()
    if (Date.now() > deadline) throw new Error(`${child.name} is not ready after ${readyTimeoutMs / 1000} s`)
    await delay(pollMs)
  }
}
