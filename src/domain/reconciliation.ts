import type { Position } from './position.js'

/**
 * A difference between Redis and MySQL at one position, or inside one of them. It is about a SKU or
 * about a reservation.
 */
export interface Drift {
  sku?: string
  reservationId?: string
  /**
   * A count, a field of the record, `record` for all of it, `deadline`, `finished`, `key`, `listed`, or `quarantine` for a
   * SKU whose entries MySQL holds back.
   */
  field: string
  /** As Redis had it at the position; null when it had nothing, or was not asked. */
  redis: string | number | null
  /** As MySQL's row had it at the position; null when there was none. */
  mysql: string | number | null
  /** What the ledger, or the sum of the reservations, says; null when nothing can tell. */
  expected: string | number | null
  /** The likely cause, a sentence. */
  cause: string
  repaired: boolean
  /** Why it was not repaired although that was asked for. */
  unrepaired?: string
}

/** What a run of the reconciler found. */
export interface Reconciliation {
  position: Position
  startedAtMs: number
  tookMs: number
  /** Whether repair was asked for. */
  repair: boolean
  /** Whether it compared all of the store; false when it was asked about some SKUs, or ended early. */
  complete: boolean
  checked: { skus: number; reservations: number }
  /** The first of them; `driftedTotal` counts them all. */
  drifted: Drift[]
  driftedTotal: number
  repaired: number
}

/** As MySQL keeps it. */
export interface ReconciliationReport extends Reconciliation {
  id: number
}
