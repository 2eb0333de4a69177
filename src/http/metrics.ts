import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
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
  private readonly children = new Map<string, { inc(): void }>()

  constructor(stores: ReadonlyMap<string, StoreServices>) {
    collectDefaultMetrics({ register: this.registry })
    const held = this.gauge('holdfast_reservations_held', 'Reservations that are held.')
    const overdue = this.gauge('holdfast_expiry_overdue_seconds', 'How late the oldest held reservation is.')
    const behind = this.gauge(
      'holdfast_ledger_entries_behind',
      'Ledger entries that MySQL does not hold yet.',
    )
    const fenced = this.gauge('holdfast_store_fenced', '1 while changes of the store are refused.')
    // Hung on one gauge, because they are read together.
    Object.assign(held, {
      collect: async () => {
        for (const [store, services] of stores) {
          fenced.set({ store }, services.fence.reason ? 1 : 0)
          const open = await services.reader.openReservations().catch(() => undefined)
          const end = await services.reader.position().catch(() => undefined)
          if (!open || !end) continue
          held.set({ store }, open.held)
          overdue.set({ store }, open.overdueMs / 1000)
          behind.set({ store }, Math.max(0, end.sequence - services.watermark.current.sequence))
        }
      },
    })
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

  private gauge(name: string, help: string): Gauge<'store'> {
    return new Gauge({ name, help, labelNames: ['store'] as const, registers: [this.registry] })
  }
}
