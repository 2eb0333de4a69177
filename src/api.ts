import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type Config, ConfigError, isLoopback } from './config.js'
import { openExpiryQueue } from './expiry/expiry-queue.js'
import { ExpiryScheduler } from './expiry/expiry-scheduler.js'
import { buildApp } from './http/app.js'
import { CallWatch } from './http/call-watch.js'
import { Keyring, keyringSettings } from './http/keyring.js'
import { LoadMonitor } from './http/load-monitor.js'
import { RateLimit, type RateLimits } from './http/rate-limit.js'
import { type Inspection, inspectService } from './http/readiness.js'
import type { Replays } from './http/replay-routes.js'
import type { StoreServices } from './http/store-services.js'
import { type Database, openDatabase } from './ledger/database.js'
import { StoreLedger } from './ledger/store-ledger.js'
import { LiveFeed } from './live/live-feed.js'
import { watchGuards } from './metrics/api-metrics.js'
import { openProcessMetrics, type ProcessMetrics } from './metrics/process-metrics.js'
import { watchReadiness } from './metrics/readiness-metrics.js'
import { FenceWatcher, fenceSettings } from './recovery/fence-watcher.js'
import { MemoryGuard, memoryGuardSettings } from './recovery/memory-guard.js'
import { Reconciler } from './recovery/reconciler.js'
import { ApiKeyCopy } from './stock/api-key-copy.js'
import { connectBlockingRedis, connectRedis, connectSubscriber } from './stock/connection.js'
import { StockGate } from './stock/gate.js'
import { RefusalSums } from './stock/refusal-sums.js'
import { StockReader } from './stock/stock-reader.js'
import { StoreFence } from './stock/store-fence.js'
import { TracedEntries } from './stock/traced-entries.js'
import { WatermarkFeed } from './stock/watermark-feed.js'
import type { Tracing } from './tracing/tracing.js'
import { version } from './version.js'

export interface Api {
  app: FastifyInstance
  stores: ReadonlyMap<string, StoreServices>
  keyring: Keyring
  /** Listens where the configuration says. @returns the URL. */
  listen(): Promise<string>
  /** Drains, finishes the calls in flight, then lets go of Redis and MySQL. Idempotent. */
  stop(): Promise<void>
}

/** For comparisons of Redis with MySQL, whose queries may take long. */
const reconcilerConnectionsMax = 5

/** From `src/` and from `dist/` alike. */
const consoleFolder = fileURLToPath(new URL('../dist/console/', import.meta.url))

/**
 * Connections that wait for the process to take them: a crowd comes at once, and one that finds no room asks again a
 * second later. The system may have a lower bound of its own.
 */
const backlog = 4096

/** What an API may have or lack. */
export interface ApiParts {
  /** Where the built page of the console is. */
  consoleFolder?: string
  replays?: Replays
  /** Those of a process that does more than serve the API. */
  metrics?: ProcessMetrics
  /** Where spans go, if anywhere. */
  tracing?: Tracing | undefined
}

/** The servers of a process, and what it says of them. */
interface Connections {
  redis: Redis
  subscriber: Redis
  database: Database
  reconcilerDatabase: Database
  inspect(): Promise<Inspection>
  metrics: ProcessMetrics
}

/**
 * Composes the API of a configuration whose servers are given.
 *
 * @throws Error when Redis cannot be reached in time. MySQL may be away: holds go on without it.
 * @throws ConfigError when it is to listen beyond loopback and nobody has a valid API key.
 */
export async function startApi(config: Config, log: Logger, parts: ApiParts = {}): Promise<Api> {
  const redis = await connectRedis(config.redisUrl, config)
  const subscriber = await connectSubscriber(config.redisUrl, config)
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: config.databaseConnectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
  })
  const reconcilerDatabase = openDatabase(config.databaseUrl, {
    connectionsMax: reconcilerConnectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    isPatient: true,
  })
  const letGo = async () => {
    redis.disconnect()
    subscriber.disconnect()
    await Promise.all([database.$disconnect(), reconcilerDatabase.$disconnect()])
  }
  const copy = new ApiKeyCopy(redis, config.stores)
  const keyring = await Keyring.open(database, copy, keyringSettings(!isLoopback(config.host)), log)
  if (keyring.isEmpty && !isLoopback(config.host)) {
    await keyring.stop()
    await letGo()
    throw new ConfigError(
      `HOST ${config.host} is beyond loopback and there is no valid API key: create one with "holdfast keys create".`,
    )
  }
  const stores = new Map<string, StoreServices>()
  const load = new LoadMonitor(
    () => redis.ping(),
    config,
    (shedding) => {
      for (const { gate } of stores.values()) gate.shedWaiting(shedding)
    },
    log,
  )
  const counting = await openRateLimits(config, log)
  let draining = false
  const inspect = () => inspectService(redis, database, stores, keyring, draining)
  const { metrics = openProcessMetrics(version) } = parts
  const connections = { redis, subscriber, database, reconcilerDatabase, inspect, metrics }
  for (const name of config.stores) {
    stores.set(name, await openStoreServices(name, config, log, connections))
  }
  watchGuards(metrics.registry, stores)
  watchReadiness(metrics.registry, inspect)
  parts.replays?.follow((state) => {
    for (const { live } of stores.values()) live.tell('replay', state)
  })
  const app = await buildApp({
    stores,
    keyring,
    ttlSecondsDefault: config.ttlSecondsDefault,
    confirmWaitMs: config.confirmWaitMs,
    readiness: async () => (await inspect()).readiness,
    registry: metrics.registry,
    isDraining: () => draining,
    load,
    rateLimits: counting.limits,
    connections: config,
    watch: openCallWatch(config, log, redis, parts.tracing),
    eventStreamsMax: config.eventStreamsMax,
    consoleFolder: parts.consoleFolder ?? consoleFolder,
    replays: parts.replays,
    logger: log,
    version,
  })
  await app.ready()
  // From here on a late timer means load; before, it was the start.
  load.start()

  let stopping: Promise<void> | undefined
  const stop = async () => {
    // A balancer needs time to read in /readyz that nothing is to be sent here any more.
    draining = true
    if (app.server.listening) await delay(config.drainMs)
    await endWithin(app, config.shutdownMs)
    for (const { scheduler, fence, guard, refusals } of stores.values()) {
      refusals.stop()
      await scheduler.close()
      await guard.stop()
      await fence.stop()
    }
    await load.stop()
    counting.close()
    await keyring.stop()
    await letGo()
  }
  return {
    app,
    stores,
    keyring,
    listen: async () => {
      await app.listen({ host: config.host, port: config.port, backlog })
      const { port } = app.server.address() as AddressInfo
      return `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`
    },
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

function openCallWatch(config: Config, log: Logger, redis: Redis, tracing: Tracing | undefined): CallWatch {
  const traced = new Map(config.stores.map((name) => [name, new TracedEntries(redis, name)]))
  return new CallWatch(config.slowRequestMs, log, tracing, (store, entry) => traced.get(store)?.tell(entry))
}

/** A call is not kept waiting for longer to be counted. */
const countMsMax = 500

/** The limits that are set, on a connection of their own: they do not wait for an answer as long as calls do. */
async function openRateLimits(config: Config, log: Logger): Promise<{ limits: RateLimits; close(): void }> {
  const { keyCallsPerMinute, customerHoldsPerMinute, redisUrl, connectTimeoutMs } = config
  if (keyCallsPerMinute === 0 && customerHoldsPerMinute === 0) return { limits: {}, close: () => {} }
  const redis = await connectRedis(redisUrl, { connectTimeoutMs, commandTimeoutMs: countMsMax })
  const limits: RateLimits = {}
  if (keyCallsPerMinute > 0) limits.key = new RateLimit(redis, 'key', keyCallsPerMinute, log)
  if (customerHoldsPerMinute > 0)
    limits.customer = new RateLimit(redis, 'customer', customerHoldsPerMinute, log)
  return { limits, close: () => redis.disconnect() }
}

async function openStoreServices(
  name: string,
  config: Config,
  log: Logger,
  { redis, subscriber, database, reconcilerDatabase, inspect, metrics }: Connections,
): Promise<StoreServices> {
  const gate = new StockGate(redis, name, config, metrics.gates.observer(name))
  metrics.gates.watch(name, gate)
  const ledger = new StoreLedger(database, name)
  const watermark = await WatermarkFeed.open(redis, subscriber, name, ledger)
  const fence = new FenceWatcher(new StoreFence(redis, name), ledger, fenceSettings(config), log, watermark)
  await fence.start()
  const onLostJob = (error: unknown) =>
    log.warn(
      { err: error, store: name },
      'a delayed job could not be added; the sweep will expire its reservations',
    )
  const reader = new StockReader(redis, name)
  // What MySQL said last, once a second, or what its writer has said since.
  const persisted = () => Math.max(fence.watermark?.sequence ?? 0, watermark.current.sequence)
  const guard = new MemoryGuard(reader, persisted, memoryGuardSettings(config), log)
  await guard.start()
  metrics.stores.watch(name, { fence, reader, ledger, persisted: () => watermark.current })
  const readiness = async () => (await inspect()).readiness
  const refusals = new RefusalSums(redis, subscriber, name)
  const connect = () => connectBlockingRedis(config.redisUrl, config)
  const live = new LiveFeed({ redis, connect, reader, watermark, ledger, refusals, readiness })
  return {
    gate,
    reader,
    ledger,
    watermark,
    scheduler: new ExpiryScheduler(openExpiryQueue(redis, name), config.expiryBucketMs, onLostJob),
    fence,
    guard,
    reconciler: Reconciler.open(redis, new StoreLedger(reconcilerDatabase, name), log, (step) =>
      live.tell('reconciliation', step),
    ),
    refusals,
    live,
  }
}

/** Closes the app; what is not finished in time is cut off. */
async function endWithin(app: FastifyInstance, ms: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), ms)
  await app.close()
  clearTimeout(timer)
}
