import { setMaxListeners } from 'node:events'
import type { Redis } from 'ioredis'
import { hashKey, newKeyText } from '../domain/api-key.js'
import { pageItemsMax } from '../domain/limits.js'
import { isRefusal } from '../domain/outcomes.js'
import { createKey, readKeys } from '../ledger/api-keys.js'
import { type Database, openDatabase } from '../ledger/database.js'
import { connectRedis } from '../stock/connection.js'
import { StockReader } from '../stock/stock-reader.js'
import { HoldfastClient } from './holdfast-client.js'
import { type HoldfastFacts, HoldfastFactsReader } from './holdfast-facts.js'
import { type HoldfastTally, runHoldfastSale } from './holdfast-sale.js'
import { runNaiveSale } from './naive-sale.js'
import { NaiveStore } from './naive-store.js'
import { findBreaches, findDifferences } from './sale-faults.js'
import { type SaleOutcome, summariseSale } from './sale-outcome.js'
import { type Customer, planCustomers, type SaleSettings } from './sale-plan.js'
import type { OpenProgress } from './sale-progress.js'
import { readServerVersions, type ServerVersions } from './server-versions.js'
import type { Service } from './service-processes.js'
import { removeStore } from './store-removal.js'

export interface HoldfastOutcome extends SaleOutcome {
  holdsExpired: number
  unitsSoldAgain: number
  retriesSent: number
  retriesReplayed: number
  paymentsLate: number
  /** @see findDifferences */
  differences: string[]
  /** @see findBreaches */
  breaches: string[]
}

export interface Replay {
  versions: ServerVersions
  naive: SaleOutcome
  holdfast: HoldfastOutcome
}

export interface ReplayOptions {
  settings: SaleSettings
  /** A name that no other store of these servers has; removed with all it holds at the end. */
  store: string
  redisUrl: string
  /** Migrated. The first half's tables are made beside Holdfast's, and dropped at the end. */
  databaseUrl: string
  connectTimeoutMs: number
  commandTimeoutMs: number
  startService(store: string): Promise<Service>
  openProgress: OpenProgress
  /** Ends the replay early, in order: it then rejects with the signal's reason. */
  signal: AbortSignal
}

/** A pool of the usual size; more connections only make the first half's crowd larger. */
const naiveConnectionsMax = 20

/** Runs the same sale twice, first without Holdfast, then with it. Nothing of it stays. */
export async function replaySale(options: ReplayOptions): Promise<Replay> {
  return onStage(options, async ({ redis, database, customers, facts }) => {
    const versions = await readServerVersions(redis, database)
    const naive = await replayNaive(options, database, customers)
    const apiKey = await provideKey(database, options.store)
    return { versions, naive, holdfast: await replayHoldfast(options, customers, facts, apiKey) }
  })
}

/** Reads how many units each half says it has left. Rejects as long as a half has not begun. */
export interface UnitsLeft {
  naive(): Promise<number>
  holdfast(): Promise<number>
}

/**
 * Runs both sales at the same time. What an earlier replay in the same store has left, because its
 * process died, is removed first. Nothing of it stays.
 *
 * @param begins called when the first customers come.
 */
export async function replaySaleAtOnce(
  options: ReplayOptions,
  begins: (left: UnitsLeft) => void,
): Promise<Replay> {
  return onStage(options, async ({ redis, database, customers, facts }) => {
    await removeReplay(redis, database, options.store)
    const versions = await readServerVersions(redis, database)
    // A service knows the keys that there are when it starts.
    const apiKey = await provideKey(database, options.store)
    const service = await options.startService(options.store)
    const failing = new AbortController()
    const signal = AbortSignal.any([options.signal, failing.signal])
    setMaxListeners(0, signal)
    const both = { ...options, signal, startService: async () => service }
    try {
      begins(unitsLeft(redis, database, options.store))
      const halves = [
        replayNaive(both, database, customers),
        replayHoldfast(both, customers, facts, apiKey),
      ] as const
      for (const half of halves) half.catch((error: unknown) => failing.abort(error))
      // Both must have ended before what they work on is removed.
      await Promise.allSettled(halves)
      const [naive, holdfast] = await Promise.all(halves)
      return { versions, naive, holdfast }
    } finally {
      await service.stop()
    }
  })
}

/** Removes what a replay keeps in Redis and MySQL, once none is going on in the store. */
export async function removeReplay(redis: Redis, database: Database, store: string): Promise<void> {
  await naiveStore(database, store).close()
  await removeStore(redis, database, store)
}

interface Stage {
  redis: Redis
  database: Database
  customers: readonly Customer[]
  facts: HoldfastFactsReader
}

async function onStage(options: ReplayOptions, play: (stage: Stage) => Promise<Replay>): Promise<Replay> {
  // Every call under way listens to it.
  setMaxListeners(0, options.signal)
  const redis = await connectRedis(options.redisUrl, options)
  const database = openDatabase(options.databaseUrl, {
    connectionsMax: naiveConnectionsMax,
    connectTimeoutMs: options.connectTimeoutMs,
  })
  const customers = planCustomers(options.settings)
  try {
    const facts = new HoldfastFactsReader(redis, database, options.store)
    return await play({ redis, database, customers, facts })
  } finally {
    await removeReplay(redis, database, options.store).finally(async () => {
      redis.disconnect()
      await database.$disconnect()
    })
  }
}

const keyMs = 3_600_000

/**
 * A key for the store, on servers whose keys are asked for; it goes with the store. Elsewhere there is
 * none: the first key would close the service to all who have none.
 */
async function provideKey(database: Database, store: string): Promise<string | undefined> {
  if (!(await readKeys(database)).anyEver) return undefined
  const text = newKeyText(store)
  const sha256 = hashKey(text).toString('hex')
  const expiresAtMs = Date.now() + keyMs
  const created = await createKey(database, { name: store, store, scopes: ['admin'], expiresAtMs, sha256 })
  if (created !== 'created') throw new Error(`the demo cannot have an API key: ${created}`)
  return text
}

function unitsLeft(redis: Redis, database: Database, store: string): UnitsLeft {
  const naive = naiveStore(database, store)
  const reader = new StockReader(redis, store)
  return {
    naive: async () => {
      const counts = [...(await naive.readCounts()).values()]
      if (counts.length === 0) throw new Error('nothing is on sale yet')
      return counts.reduce((sum, units) => sum + units, 0)
    },
    holdfast: async () => {
      const page = await reader.list('', pageItemsMax)
      if (isRefusal(page) || page.items.length === 0) throw new Error('nothing is on sale yet')
      return page.items.reduce((sum, { available }) => sum + available, 0)
    },
  }
}

function naiveStore(database: Database, store: string): NaiveStore {
  return new NaiveStore(database, store.replaceAll(/\W/g, '_'))
}

async function replayNaive(
  { settings, store, openProgress, signal }: ReplayOptions,
  database: Database,
  customers: readonly Customer[],
): Promise<SaleOutcome> {
  const naive = naiveStore(database, store)
  const progress = openProgress('naive', customers.length)
  try {
    return await runNaiveSale(naive, customers, settings, progress, signal)
  } finally {
    progress.end()
    await naive.close()
  }
}

async function replayHoldfast(
  { settings, store, startService, openProgress, signal }: ReplayOptions,
  customers: readonly Customer[],
  reader: HoldfastFactsReader,
  apiKey: string | undefined,
): Promise<HoldfastOutcome> {
  signal.throwIfAborted()
  const service = await startService(store)
  const client = new HoldfastClient(service.url, store, settings.atOnceMax, signal, apiKey)
  const progress = openProgress('holdfast', customers.length)
  try {
    const tally = await runHoldfastSale(client, customers, settings, progress, signal)
    progress.end()
    return summariseHoldfast(settings, tally, await reader.read(settings.items, signal))
  } finally {
    progress.end()
    client.close()
    await service.stop()
  }
}

/** What is sold is read from the databases; what was promised is held against it. */
function summariseHoldfast(
  settings: SaleSettings,
  { unitsPromised, ...tally }: HoldfastTally,
  facts: HoldfastFacts,
): HoldfastOutcome {
  const { customers, items } = settings
  const { checkoutsPerSecond, seconds, ...counted } = tally
  const { orders, lowestCounts, holdsExpired, unitsSoldAgain } = facts
  return {
    ...summariseSale({ items, customers, orders, lowestCounts, checkoutsPerSecond, seconds }),
    ...counted,
    holdsExpired,
    unitsSoldAgain,
    differences: findDifferences(items, facts),
    breaches: findBreaches(items, facts, unitsPromised),
  }
}
