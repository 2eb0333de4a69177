import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { type Api, startApi } from '../api.js'
import type { Config } from '../config.js'
import { watchedSale1212 } from '../demo/sale-plan.js'
import { replayStore, SaleReplays } from '../demo/sale-replays.js'
import { isRefusal } from '../domain/outcomes.js'
import { startPrivateServers } from '../embedded/private-servers.js'
import { openLog } from '../log.js'
import { openProcessMetrics } from '../metrics/process-metrics.js'
import { openTracing } from '../tracing/tracing.js'
import { version } from '../version.js'
import { startWorker } from '../worker.js'
import { startDemoService } from './demo-service.js'
import { startupError } from './given-servers.js'
import { migrateDatabase } from './migrate.js'
import { stopSignal } from './stop-signal.js'

/** Runs everything in one process, on private servers when none are given. */
export async function runStart(config: Config): Promise<number> {
  const stopped = stopSignal()
  if (config.redisUrl !== '') return serve(config, stopped, false)
  const servers = await startPrivateServers({
    folder: resolve(config.dataFolder),
    redisBytesMax: config.redisMemoryMb > 0 ? config.redisMemoryMb * 1024 * 1024 : undefined,
    progress: (line) => console.log(line),
  })
  const lost = Promise.race([
    servers.redis.exited.then((how) => `Redis ended by itself (${how})`),
    servers.mariadb.exited.then((how) => `MariaDB ended by itself (${how})`),
  ])
  const { redisUrl, databaseUrl } = servers
  try {
    return await serve({ ...config, redisUrl, databaseUrl }, Promise.race([stopped, lost]), true)
  } finally {
    await servers.stop()
  }
}

/**
 * Serves until `ending` resolves with a signal's name, or with what went wrong.
 *
 * @returns the exit status.
 */
async function serve(config: Config, ending: Promise<string>, withSamples: boolean): Promise<number> {
  const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel, 'start')
  const running: { stop(): Promise<void> }[] = []
  const startUp = async () => {
    await migrateDatabase(config)
    const metrics = openProcessMetrics(version)
    const tracing = await openTracing(process.env, 'holdfast', version)
    if (tracing) running.push(tracing)
    running.push(await startWorker(config, log, { metrics, tracing }))
    const replays = withSamples ? await openReplays(config, log) : undefined
    if (replays) running.push(replays)
    // Nobody balances between this process and another.
    const api = await startApi({ ...config, drainMs: 0 }, log, {
      metrics,
      tracing,
      ...(replays && { replays }),
    })
    running.push(api)
    if (withSamples) await addSampleStock(api)
    const sku = withSamples ? (Object.keys(sampleStock)[0] as string) : 'SKU'
    console.log(welcome(await api.listen(), sku, api.keyring.state !== 'open'))
  }
  try {
    // Whoever stops it need not wait until all has started.
    await Promise.race([startUp(), ending])
    const why = await ending
    console.log(why.startsWith('SIG') ? 'Stopping.' : `${why}. Stopping.`)
    return why.startsWith('SIG') ? 0 : 1
  } catch (error) {
    throw startupError(error, config)
  } finally {
    // The API first, so that nothing new begins.
    for (const part of running.reverse()) await part.stop()
  }
}

/** The sale can be replayed beside the sample stock, unless somebody sells in the store it would use. */
async function openReplays(config: Config, log: Logger): Promise<SaleReplays | undefined> {
  if (config.stores.includes(replayStore)) return undefined
  const startService = (store: string) => startDemoService(config, store)
  const replays = new SaleReplays({ ...config, startService }, watchedSale1212, log)
  await replays.removeLeftovers()
  return replays
}

const sampleStock: Readonly<Record<string, number>> = {
  'SNEAKER-42': 100,
  'CONSOLE-5': 25,
  'TEE-BLACK-M': 500,
}

/** Puts sample stock into an empty store. */
async function addSampleStock(api: Api): Promise<void> {
  const store = [...api.stores.values()][0]
  const first = await store?.reader.list('', 1)
  if (store && first && !isRefusal(first) && first.items.length === 0) {
    for (const [sku, onHand] of Object.entries(sampleStock)) await store.gate.setStock(sku, onHand)
  }
}

function welcome(url: string, sku: string, wantsKey: boolean): string {
  const key = wantsKey ? " -H 'authorization: Bearer KEY'" : ''
  return `
Holdfast listens on ${url} (open it for the console; ${url}/docs describes its API). Try:

  # reserve two units for a customer
  curl -s ${url}/v1/reservations${key} -H 'content-type: application/json' -H 'idempotency-key: order-1' -d '{"customerId":"customer-1","lines":[{"sku":"${sku}","quantity":2}]}'

  # the customer has paid: put in the id from above
  curl -s -X POST ${url}/v1/reservations/ID/confirm${key} -H 'content-type: application/json' -d '{"paymentRef":"payment-1"}'

  # look at the stock
  curl -s ${url}/v1/stock/${sku}${key}

Ctrl-C stops everything; the data stays.`
}
