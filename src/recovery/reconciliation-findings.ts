import { comparePositions, origin, type Position } from '../domain/position.js'
import type { Drift } from '../domain/reconciliation.js'

/** Subjects remembered so that an item met twice is reported once; beyond it, it may count twice. */
const rememberedMax = 100_000

/** What a run has found so far: the first drifts in full, the others as a number. */
export class ReconciliationFindings {
  readonly drifted: Drift[] = []
  readonly checked = { skus: 0, reservations: 0 }
  driftedTotal = 0
  repaired = 0
  /** The newest position that was compared. */
  position: Position = origin
  /** The position of the newest entry by which something was corrected. */
  correctedAt: Position = origin
  /** Whether each was repaired. */
  private readonly seen = new Map<string, boolean>()
  private readonly correctedSkus = new Set<string>()

  constructor(private readonly driftsMax: number) {}

  /** Whether one more drift would be reported in full. */
  get roomy(): boolean {
    return this.drifted.length < this.driftsMax
  }

  /** Whether a drift of this field was found already, and not repaired. */
  leaves(drift: Pick<Drift, 'sku' | 'reservationId' | 'field'>): boolean {
    return this.seen.get(keyOf(drift)) === false
  }

  add(drifts: readonly Drift[]): void {
    for (const drift of drifts) {
      const key = keyOf(drift)
      const repaired = this.seen.get(key)
      // What a repair did not put right is one more.
      if (repaired === false || (repaired && drift.repaired)) continue
      if (this.seen.size < rememberedMax || repaired) this.seen.set(key, drift.repaired)
      this.driftedTotal++
      if (drift.repaired) this.repaired++
      if (this.roomy) this.drifted.push(drift)
    }
  }

  compared(position: Position): void {
    if (comparePositions(position, this.position) > 0) this.position = position
  }

  corrected(position: Position): void {
    if (comparePositions(position, this.correctedAt) > 0) this.correctedAt = position
  }

  /** Whether this run has corrected the counts of a SKU: what it read of them before is void then. */
  hasCorrected(sku: string): boolean {
    return this.correctedSkus.has(sku)
  }

  correctedCounts(sku: string): void {
    this.correctedSkus.add(sku)
  }
}

function keyOf({ sku, reservationId, field }: Pick<Drift, 'sku' | 'reservationId' | 'field'>): string {
  return `${sku ?? ''} ${reservationId ?? ''} ${field}`
}
