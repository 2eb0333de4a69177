import { Counter, Gauge, type Registry } from 'prom-client'
import { comparePositions, type Position } from '../domain/position.js'
import { readQuarantineSize } from '../ledger/quarantine-queries.js'
import { readNewestComplete } from '../ledger/reconciliation-reports.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { StockReader } from '../stock/stock-reader.js'
import { asked, storeGauge } from './reading.js'

/** What is read of a store. Every process that serves it tells the same. */
export interface WatchedStore {
  fence: { readonly reason: string | undefined; readonly restores: number }
  reader: StockReader
  ledger: StoreLedger
  /** How far MySQL holds the ledger, by what its writer said last. */
  persisted(): Position
}

/** The figures of stores that Redis and MySQL know. They are read when /metrics is. */
export class StoreMetrics {
  private readonly stores = new Map<string, WatchedStore>()
  /** A process that serves the API and works has two of a store, and either may restore it. */
  private readonly fences = new Map<string, WatchedStore['fence'][]>()

  constructor(registry: Registry) {
    const { stores, fences } = this
    storeGauge(
      registry,
      stores,
      'holdfast_store_fenced',
      '1 while changes of the store are refused.',
      ({ fence }) => (fence.reason ? 1 : 0),
    )
    new Counter({
      name: 'holdfast_restores_total',
      help: 'How often this process restored the store from MySQL.',
      labelNames: ['store'] as const,
      registers: [registry],
      collect() {
        this.reset()
        for (const [store, of] of fences) {
          for (const { restores } of of) this.inc({ store }, restores)
        }
      },
    })
    redisGauges(registry, stores)
    mysqlGauges(registry, stores)
  }

  watch(name: string, store: WatchedStore): void {
    this.stores.set(name, store)
    this.fences.set(name, [...(this.fences.get(name) ?? []), store.fence])
  }
}

type Stores = ReadonlyMap<string, WatchedStore>

async function readRedis({ reader, persisted }: WatchedStore) {
  const watermark = persisted()
  const [end, waitingMs, { held, overdueMs }] = await Promise.all([
    reader.position(),
    reader.waitingMs(watermark),
    reader.openReservations(),
  ])
  const isBehind = end !== undefined && comparePositions(end, watermark) > 0
  return {
    held,
    overdueSeconds: overdueMs / 1000,
    behindEntries: isBehind ? Math.max(0, end.sequence - watermark.sequence) : 0,
    behindSeconds: isBehind ? waitingMs / 1000 : 0,
  }
}

function redisGauges(registry: Registry, stores: Stores): void {
  const figures = asked(readRedis)
  storeGauge(registry, stores, 'holdfast_reservations_held', 'Reservations that are held.', async (store) => {
    return (await figures(store))?.held
  })
  storeGauge(
    registry,
    stores,
    'holdfast_expiry_overdue_seconds',
    'How long the oldest held reservation is past its deadline.',
    async (store) => (await figures(store))?.overdueSeconds,
  )
  storeGauge(
    registry,
    stores,
    'holdfast_ledger_behind_entries',
    'Ledger entries that MySQL does not hold yet.',
    async (store) => (await figures(store))?.behindEntries,
  )
  storeGauge(
    registry,
    stores,
    'holdfast_ledger_behind_seconds',
    'How long the oldest ledger entry that MySQL does not hold has waited.',
    async (store) => (await figures(store))?.behindSeconds,
  )
}

async function readMysql({ ledger }: WatchedStore) {
  const [quarantine, newest] = await Promise.all([readQuarantineSize(ledger), readNewestComplete(ledger)])
  return { quarantine, newest }
}

function mysqlGauges(registry: Registry, stores: Stores): void {
  const figures = asked(readMysql)
  new Gauge({
    name: 'holdfast_ledger_quarantined_entries',
    help: 'Ledger entries that MySQL keeps without having applied them, by state.',
    labelNames: ['store', 'state'] as const,
    registers: [registry],
    async collect() {
      const sizes = await Promise.all(
        [...stores].map(async ([name, store]) => [name, (await figures(store))?.quarantine] as const),
      )
      this.reset()
      for (const [store, size] of sizes) {
        if (!size) continue
        for (const state of ['malformed', 'waiting', 'discarded'] as const)
          this.set({ store, state }, size[state])
      }
    },
  })
  storeGauge(
    registry,
    stores,
    'holdfast_drift_items',
    'Differences that the newest reconciliation of all of the store found and did not repair.',
    async (store) => {
      const read = await figures(store)
      return read && (read.newest ? read.newest.driftedTotal - read.newest.repaired : 0)
    },
  )
  storeGauge(
    registry,
    stores,
    'holdfast_reconciliation_started_timestamp_seconds',
    'When the newest reconciliation of all of the store began, in seconds since 1970; absent when there was none.',
    async (store) => {
      const startedAtMs = (await figures(store))?.newest?.startedAtMs
      return startedAtMs === undefined ? undefined : startedAtMs / 1000
    },
  )
  storeGauge(
    registry,
    stores,
    'holdfast_reconciliation_duration_seconds',
    'How long the newest reconciliation of all of the store took; absent when there was none.',
    async (store) => {
      const tookMs = (await figures(store))?.newest?.tookMs
      return tookMs === undefined ? undefined : tookMs / 1000
    },
  )
}
