import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, inject } from 'vitest'
import { type Api, startApi } from '../../src/api.js'
import { migrateDatabase } from '../../src/commands/migrate.js'
import { type Config, readConfig } from '../../src/config.js'
import { type Database, openDatabase } from '../../src/ledger/database.js'
import { openLog } from '../../src/log.js'
import { type StoreKeys, storeKeys } from '../../src/stock/keys.js'
import { startWorker, type Worker } from '../../src/worker.js'

/**
 * A store of its own on the run's servers: a name no other test uses, so that its Redis keys are its
 * own, and a database of its own. All of it is gone when the file ends.
 */
export interface TestStore {
  name: string
  config: Config
  keys: StoreKeys
  /** For looking behind the service's back. */
  redis: Redis
  database: Database
  /** Starts an API on the store, without a listener; it is stopped when the file ends. */
  api(overrides?: Partial<Config>): Promise<Api>
  /** Starts a worker on the store; it is stopped when the file ends. */
  worker(overrides?: Partial<Config>): Promise<Worker>
}

/** @param overrides settings that differ from the defaults. */
export async function openTestStore(overrides: Partial<Config> = {}): Promise<TestStore> {
  const name = `test-${randomBytes(6).toString('hex')}`
  const databaseUrl = new URL(inject('databaseUrl'))
  const databaseName = name.replace('-', '_')
  const server = openDatabase(databaseUrl.href, { connectionsMax: 1, connectTimeoutMs: 10_000 })
  await server.$executeRawUnsafe(`CREATE DATABASE ${databaseName}`)
  databaseUrl.pathname = `/${databaseName}`
  const config: Config = {
    ...readConfig({
      REDIS_URL: inject('redisUrl'),
      DATABASE_URL: databaseUrl.href,
      HOLDFAST_STORES: name,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
      PORT: '0',
      // Tests share the machine, and none but those of overload are to be refused for that.
      HOLDFAST_LOOP_LAG_MS_MAX: '0',
      HOLDFAST_REDIS_LAG_MS_MAX: '0',
      // Nothing balances the calls of a test.
      HOLDFAST_DRAIN_MS: '0',
    }),
    ...overrides,
  }
  await migrateDatabase(config)
  const redis = new Redis(config.redisUrl)
  const database = openDatabase(config.databaseUrl, { connectionsMax: 2, connectTimeoutMs: 10_000 })
  const running: { stop(): Promise<void> }[] = []
  const log = openLog(config.logLevel, name)

  afterAll(async () => {
    for (const part of running.reverse()) await part.stop()
    await database.$disconnect()
    await server.$executeRawUnsafe(`DROP DATABASE ${databaseName}`)
    await server.$disconnect()
    for await (const keys of redis.scanStream({ match: `holdfast:{${name}}:*`, count: 1000 })) {
      if (keys.length > 0) await redis.unlink(...keys)
    }
    redis.disconnect()
  })

  return {
    name,
    config,
    keys: storeKeys(name),
    redis,
    database,
    api: async (more = {}) => {
      const api = await startApi({ ...config, ...more }, log)
      running.push(api)
      return api
    },
    worker: async (more = {}) => {
      const worker = await startWorker({ ...config, ...more }, log)
      running.push(worker)
      return worker
    },
  }
}

/** Polls a condition until it holds. @throws Error when it has not within `timeoutMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms it is still not so that ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
