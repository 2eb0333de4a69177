import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { migrateDatabase } from '../../../src/commands/migrate.js'
import { readConfig } from '../../../src/config.js'
import { type Database, openDatabase } from '../../../src/ledger/database.js'
import { storeKeys } from '../../../src/stock/keys.js'
import type { MariadbHost } from './mariadb-host.js'
import { ownPort } from './own-port.js'
import type { ProductCopy } from './product-copy.js'
import { ProductPart } from './product-part.js'
import { RedisClock } from './redis-clock.js'
import { RedisHost } from './redis-host.js'

/** What a kind of fault needs to be different from the start. */
export interface StageSettings {
  apis: number
  workers: number
  redisSettings: Record<string, string>
  /** Whether the clock of Redis can be set. */
  redisClock: boolean
  /** Of every process of the product. */
  env: Record<string, string>
  /** What `node` is given for an instance of the API. */
  apiNodeArgs: readonly string[]
}

/** Nothing is promised of it: it only has to begin, on a machine that may do much else. */
const openTimeoutMs = 120_000

const standard: StageSettings = {
  apis: 2,
  workers: 1,
  redisSettings: {},
  redisClock: false,
  env: {},
  apiNodeArgs: [],
}

/**
 * A store of its own with all that serves it: a new Redis, a new database, instances of the API and
 * workers as production runs them.
 */
export class Stage {
  readonly store = 'main'
  readonly keys = storeKeys('main')
  /** The one that should serve the store. */
  redis: RedisHost
  private readonly replaced: RedisHost[] = []

  private constructor(
    readonly folder: string,
    redis: RedisHost,
    readonly mariadb: MariadbHost,
    readonly databaseUrl: string,
    /** For looking behind the service's back. */
    readonly database: Database,
    readonly apis: readonly ProductPart[],
    readonly workers: readonly ProductPart[],
    private readonly clock: RedisClock | undefined,
    private readonly dropDatabase: () => Promise<void>,
  ) {
    this.redis = redis
  }

  static async open(o: {
    folder: string
    mariadb: MariadbHost
    product: ProductCopy
    settings: Partial<StageSettings>
  }): Promise<Stage> {
    const { folder, mariadb, product } = o
    const settings = { ...standard, ...o.settings }
    await mkdir(folder, { recursive: true })
    const clock = settings.redisClock ? await RedisClock.make(join(folder, 'clock')) : undefined
    const [redis, { url: databaseUrl, drop }] = await Promise.all([
      RedisHost.start(join(folder, 'redis'), settings.redisSettings, clock?.machine),
      mariadb.createDatabase(),
    ])
    await migrateDatabase(readConfig({ REDIS_URL: redis.url, DATABASE_URL: databaseUrl }))
    const startPart = async (command: 'api' | 'worker', index: number) => {
      const name = `${command}-${index}`
      return ProductPart.start({
        command,
        name,
        nodeArgs: command === 'api' ? settings.apiNodeArgs : [],
        mainFile: product.mainFile,
        redisUrl: redis.url,
        databaseUrl,
        port: command === 'api' ? await ownPort() : 0,
        env: settings.env,
        logFile: join(folder, `${name}.log`),
      })
    }
    const startParts = (command: 'api' | 'worker', count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => startPart(command, index)))
    const [apis, workers] = await Promise.all([
      startParts('api', settings.apis),
      startParts('worker', settings.workers),
    ])
    const database = openDatabase(databaseUrl, { connectionsMax: 2, connectTimeoutMs: 10_000 })
    const stage = new Stage(folder, redis, mariadb, databaseUrl, database, apis, workers, clock, drop)
    try {
      await Promise.all(apis.map((api) => api.becomesReady(openTimeoutMs)))
    } catch (error) {
      await stage.close()
      throw error
    }
    return stage
  }

  get parts(): readonly ProductPart[] {
    return [...this.apis, ...this.workers]
  }

  /** The clock of Redis is this far from the true one, within a second or two. */
  async setRedisClock(offsetSeconds: number): Promise<void> {
    if (!this.clock) throw new Error('the clock of Redis cannot be set')
    await this.clock.set(offsetSeconds)
  }

  /** From now on another Redis is the one that should serve the store; the old one goes on running. */
  replaceRedis(redis: RedisHost): void {
    this.replaced.push(this.redis)
    this.redis = redis
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.close()))
    await this.database.$disconnect()
    await Promise.all([this.redis, ...this.replaced].map((redis) => redis.stop()))
    await this.dropDatabase()
  }
}
