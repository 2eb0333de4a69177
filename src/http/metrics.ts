import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { readQuarantineSize } from '../ledger/quarantine-queries.js'
import { readReports } from '../ledger/reconciliation-reports.js'
import type { RateLimits } from './rate-limit.js'
import type { StoreServices } from './store-services.js'

/** What `/metrics` tells. Figures that Redis knows are read when they are asked for. */
export class Metrics {
  readonly registry = new Registry()
  private readonly calls = new Counter({
    name: 'holdfast_calls_total',
    help: 'Calls answered, by route and status.',
    labelNames: ['route', 'status'] as const,
    registers: [this.registry],
  })
  /** Calls refused for overload before anything of them was read. */
  readonly shedCalls = new Counter({
    name: 'holdfast_calls_shed_total',
    help: 'Calls refused because the process or Redis lagged.',
    registers: [this.registry],
  })
  /** Connections closed at once. */
  readonly droppedConnections = new Counter({
    name: 'holdfast_connections_dropped_total',
    help: 'Connections closed at once because there were too many.',
    registers: [this.registry],
  })
  private readonly children = new Map<string, { inc(): void }>()

  constructor(stores: ReadonlyMap<string, StoreServices>) {
    collectDefaultMetrics({ register: this.registry })
    this.gauge(
      'holdfast_store_fenced',
      '1 while changes of the store are refused.',
      stores,
      async ({ fence }) => (fence.reason ? 1 : 0),
    )
    this.gauge(
      'holdfast_holds_paused',
      '1 while new reservations are refused for want of memory or because MySQL is behind.',
      stores,
      async ({ guard }) => (guard.reason ? 1 : 0),
    )
    this.gauge(
      'holdfast_redis_memory_share',
      "Share of Redis' maxmemory in use; absent when none is set.",
      stores,
      async ({ guard }) => guard.memoryShare,
    )
    this.gauge('holdfast_reservations_held', 'Reservations that are held.', stores, async ({ reader }) => {
      return (await reader.openReservations()).held
    })
    this.gauge(
      'holdfast_expiry_overdue_seconds',
      'How late the oldest held reservation is.',
      stores,
      async ({ reader }) => (await reader.openReservations()).overdueMs / 1000,
    )
    this.gauge(
      'holdfast_ledger_entries_behind',
      'Ledger entries that MySQL does not hold yet.',
      stores,
      async ({ reader, watermark }) => {
        const end = await reader.position()
        return Math.max(0, (end?.sequence ?? 0) - watermark.current.sequence)
      },
    )
    this.gauge(
      'holdfast_ledger_quarantined',
      'Ledger entries that MySQL keeps without having applied them.',
      stores,
      async ({ ledger }) => {
        const { malformed, waiting } = await readQuarantineSize(ledger)
        return malformed + waiting
      },
    )
    this.gauge(
      'holdfast_drift_items',
      'Differences that the newest reconciliation found and did not repair.',
      stores,
      async ({ ledger }) => {
        const [newest] = await readReports(ledger, undefined, 1)
        return newest ? newest.driftedTotal - newest.repaired : 0
      },
    )
  }

  /** Counts an answered call. @param route the route's pattern, never the path. */
  countCall(route: string, status: number): void {
    const key = `${route} ${status}`
    let child = this.children.get(key)
    if (!child) {
      child = this.calls.labels(route, String(status))
      this.children.set(key, child)
    }
    child.inc()
  }

  /** Tells how many calls the limits have admitted without counting them. */
  watchRateLimits(limits: RateLimits): void {
    new Counter({
      name: 'holdfast_calls_uncounted_total',
      help: 'Calls admitted by a rate limit because Redis could not count them.',
      labelNames: ['limit'] as const,
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [limit, { uncounted }] of Object.entries(limits)) this.inc({ limit }, uncounted)
      },
    })
  }

  /** A gauge that is read when it is asked for; a store that cannot be read has no value. */
  private gauge(
    name: string,
    help: string,
    stores: ReadonlyMap<string, StoreServices>,
    read: (services: StoreServices) => Promise<number | undefined>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['store'] as const,
      registers: [this.registry],
      async collect() {
        this.reset()
        for (const [store, services] of stores) {
          const value = await read(services).catch(() => undefined)
          if (value !== undefined) this.set({ store }, value)
        }
      },
    })
  }
}
