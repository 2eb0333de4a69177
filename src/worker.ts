import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Config } from './config.js'
import { Expirer } from './expiry/expirer.js'
import { openDatabase } from './ledger/database.js'
import { transactionMsMax } from './ledger/ledger-tables.js'
import { LedgerWriter, type WriterObserver } from './ledger/ledger-writer.js'
import { StoreLedger } from './ledger/store-ledger.js'
import { openProcessMetrics, type ProcessMetrics } from './metrics/process-metrics.js'
import { WorkerMetrics } from './metrics/worker-metrics.js'
import { FenceWatcher, fenceSettings } from './recovery/fence-watcher.js'
import { Reconciler } from './recovery/reconciler.js'
import { ReconciliationSchedule } from './recovery/reconciliation-schedule.js'
import { connectBlockingRedis, connectJobRedis, connectRedis, connectSubscriber } from './stock/connection.js'
import { StockGate } from './stock/gate.js'
import { LedgerStream } from './stock/ledger-stream.js'
import { StockReader } from './stock/stock-reader.js'
import { StoreFence } from './stock/store-fence.js'
import { TracedEntries } from './stock/traced-entries.js'
import { WatermarkFeed } from './stock/watermark-feed.js'
import type { Tracing } from './tracing/tracing.js'
import { WriteTracer } from './tracing/write-tracer.js'
import { version } from './version.js'
import { listenForMonitors } from './worker-monitor.js'

export interface Worker {
  stores: ReadonlyMap<string, StoreWork>
  /** Listens for monitors if the configuration says so. @returns the URL. */
  listen(): Promise<string | undefined>
  /** Finishes the transaction and the batch under way. Idempotent. */
  stop(): Promise<void>
}

export interface StoreWork {
  writer: LedgerWriter
  expirer: Expirer
  fence: FenceWatcher
  reconciliations: ReconciliationSchedule
}

/** For comparisons of Redis with MySQL, whose queries may take long. */
const reconcilerConnectionsMax = 5
/** After a failure of MySQL or Redis. */
const writerRetryMs = 500
/** Each read for entries waits for a quarter of the lease: an answer that is this late is none. */
const readSilenceMsMax = 3000
/**
 * A writer that died leaves its store to another after this long. Nothing that must be right depends on it:
 * a writer that is paused for longer is one of two for a while.
 */
const writerLeaseMs = 2000

/**
 * Composes the worker: for each store the ledger writer, the expirer and the repeated comparison of
 * Redis with MySQL. Any number may run.
 *
 * @param parts what a process that does more than this has already.
 * @throws Error when Redis cannot be reached in time. MySQL may be away: the writer retries.
 */
export async function startWorker(
  config: Config,
  log: Logger,
  parts: { metrics?: ProcessMetrics; tracing?: Tracing | undefined } = {},
): Promise<Worker> {
  const { metrics = openProcessMetrics(version), tracing } = parts
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
  const workerMetrics = new WorkerMetrics(metrics.registry)
  const stores = new Map<string, StoreWork>()
  const waiting: Redis[] = []
  for (const name of config.stores) {
    const gate = new StockGate(redis, name, config, metrics.gates.observer(name))
    const ledger = new StoreLedger(database, name)
    const feed = await WatermarkFeed.open(redis, subscriber, name)
    const fence = new FenceWatcher(new StoreFence(redis, name), ledger, fenceSettings(config), log, feed)
    await fence.start()
    const streamConnection = await connectBlockingRedis(config.redisUrl, {
      ...config,
      commandTimeoutMs: Math.min(config.commandTimeoutMs, readSilenceMsMax),
    })
    const jobConnection = await connectJobRedis(config.redisUrl, config.connectTimeoutMs)
    waiting.push(streamConnection, jobConnection)
    const stream = await LedgerStream.open(redis, streamConnection, subscriber, name)
    const observers = workerMetrics.observers(name)
    const writer = new LedgerWriter(
      ledger,
      stream,
      {
        linesMax: config.writerLinesMax,
        transactionMsMax,
        lingerMs: config.writerLingerMs,
        retryMs: writerRetryMs,
        leaseMs: writerLeaseMs,
      },
      log,
      tracing ? await traceWrites(tracing, redis, subscriber, name, observers.writer) : observers.writer,
    )
    const settings = { batchMax: config.expiryBatchMax, sweepMs: config.sweepMs }
    const expirer = new Expirer(gate, jobConnection, () => feed.settled, settings, log, observers.expirer)
    const reconciliations = new ReconciliationSchedule(
      Reconciler.open(redis, new StoreLedger(reconcilerDatabase, name), log),
      ledger,
      { intervalMs: config.reconcileSeconds * 1000 },
      log,
      observers.schedule,
    )
    writer.start()
    expirer.start()
    reconciliations.start()
    const reader = new StockReader(redis, name)
    metrics.stores.watch(name, { fence, reader, ledger, persisted: () => feed.current })
    workerMetrics.watch(name, { writer })
    stores.set(name, { writer, expirer, fence, reconciliations })
  }

  let stopping: Promise<void> | undefined
  let monitors: { url: string; close(): Promise<void> } | undefined
  const stop = async () => {
    const works = [...stores.values()].map(async ({ writer, expirer, fence, reconciliations }) => {
      await reconciliations.stop()
      await expirer.stop()
      await writer.stop()
      await fence.stop()
    })
    await Promise.all([monitors?.close(), ...works])
    for (const connection of [redis, subscriber, ...waiting]) connection.disconnect()
    await Promise.all([database.$disconnect(), reconcilerDatabase.$disconnect()])
  }
  return {
    stores,
    listen: async () => {
      if (config.workerPort === 0) return undefined
      monitors ??= await listenForMonitors({ redis, database, stores }, config, metrics, log)
      return monitors.url
    },
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}

/** Has the transactions of a writer traced for the calls whose entries they write. */
async function traceWrites(
  tracing: Tracing,
  redis: Redis,
  subscriber: Redis,
  store: string,
  counted: WriterObserver,
): Promise<WriterObserver> {
  const tracer = new WriteTracer(store, tracing)
  await new TracedEntries(redis, store).listen(subscriber, (entry) => tracer.entry(entry))
  return {
    failed: () => counted.failed(),
    committed: (written) => {
      counted.committed(written)
      tracer.committed(written)
    },
  }
}
