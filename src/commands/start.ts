import { resolve } from 'node:path'
import { type Api, startApi } from '../api.js'
import type { Config } from '../config.js'
import { startPrivateServers } from '../embedded/private-servers.js'
import { openLog } from '../log.js'
import { startWorker } from '../worker.js'
import { startupError } from './given-servers.js'
import { migrateDatabase } from './migrate.js'
import { stopSignal } from './stop-signal.js'

/** Runs everything in one process, on private servers when none are given. */
export async function runStart(config: Config): Promise<number> {
  const stopped = stopSignal()
  const ending: (() => Promise<void>)[] = []
  try {
    const given = config.redisUrl !== ''
    const served = given ? config : await withPrivateServers(config, ending)
    const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel, 'start')
    await migrateDatabase(served)
    const api = await startApi(served, log)
    ending.push(api.stop)
    const samples = given ? [] : await addSampleStock(api)
    const url = await api.listen()
    const worker = await startWorker(served, log)
    ending.push(worker.stop)
    console.log(welcome(url, samples[0] ?? 'SKU'))
    await stopped
    console.log('Stopping.')
  } catch (error) {
    throw startupError(error, config)
  } finally {
    // The API first, so that nothing new begins; the servers last.
    for (const end of order(ending)) await end()
  }
  return 0
}

async function withPrivateServers(config: Config, ending: (() => Promise<void>)[]): Promise<Config> {
  const servers = await startPrivateServers({
    folder: resolve(config.dataFolder),
    progress: (line) => console.log(line),
  })
  ending.push(servers.stop)
  return { ...config, redisUrl: servers.redisUrl, databaseUrl: servers.databaseUrl }
}

/** Servers were pushed first and end last; the API was pushed before the worker and ends first. */
function order(ending: (() => Promise<void>)[]): (() => Promise<void>)[] {
  return ending.length === 3
    ? [ending[1], ending[2], ending[0]].filter((end) => end !== undefined)
    : ending.reverse()
}

const sampleStock: Readonly<Record<string, number>> = {
  'SNEAKER-42': 100,
  'CONSOLE-5': 25,
  'TEE-BLACK-M': 500,
}

/** Puts sample stock into an empty store. @returns the sample SKUs. */
async function addSampleStock(api: Api): Promise<string[]> {
  const store = [...api.stores.values()][0]
  if (store && (await store.reader.list('', 1)).length === 0) {
    for (const [sku, onHand] of Object.entries(sampleStock)) await store.gate.setStock(sku, onHand)
  }
  return Object.keys(sampleStock)
}

function welcome(url: string, sku: string): string {
  return `
Holdfast listens on ${url} (its API is described at ${url}/docs). Try:

  # reserve two units for a customer
  curl -s ${url}/v1/reservations -H 'content-type: application/json' -H 'idempotency-key: order-1' -d '{"customerId":"customer-1","lines":[{"sku":"${sku}","quantity":2}]}'

  # the customer has paid: put in the id from above
  curl -s -X POST ${url}/v1/reservations/ID/confirm -H 'content-type: application/json' -d '{"paymentRef":"payment-1"}'

  # look at the stock
  curl -s ${url}/v1/stock/${sku}

Ctrl-C stops everything; the data stays.`
}
