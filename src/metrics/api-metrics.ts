import type { Registry } from 'prom-client'
import type { MemoryGuard } from '../recovery/memory-guard.js'
import { storeGauge } from './reading.js'

/** The figures of stores that only a process with the API knows. */
export function watchGuards(registry: Registry, stores: ReadonlyMap<string, { guard: MemoryGuard }>): void {
  storeGauge(
    registry,
    stores,
    'holdfast_holds_paused',
    '1 while new reservations are refused for want of memory or because MySQL is behind.',
    ({ guard }) => (guard.reason ? 1 : 0),
  )
  storeGauge(
    registry,
    stores,
    'holdfast_redis_memory_used_ratio',
    "Share of Redis' maxmemory in use, from 0 to 1; absent when none is set.",
    ({ guard }) => guard.memoryShare,
  )
}
