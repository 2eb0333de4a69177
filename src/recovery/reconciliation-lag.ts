import { setTimeout as delay } from 'node:timers/promises'
import { comparePositions, type Position } from '../domain/position.js'
import type { StoreLedger, StoreRow } from '../ledger/store-ledger.js'
import { StoreClosedError, type StoreSurvey } from '../stock/store-survey.js'

/** MySQL has not caught up with Redis within the wait; perhaps no worker runs. */
export class LedgerBehindError extends Error {}

/** Between two looks at the watermark. */
const lookMs = 10

/** Waits until MySQL holds what Redis held, so that what is only lag is never taken for drift. */
export class ReconciliationLag {
  private seen: StoreRow | undefined

  constructor(
    private readonly ledger: StoreLedger,
    private readonly survey: StoreSurvey,
    private readonly waitMs: number,
  ) {}

  /**
   * Resolves once MySQL holds the ledger up to the position.
   *
   * @throws LedgerBehindError when it does not within the wait.
   * @throws StoreClosedError when the position is not of the ledger that MySQL goes on with: the
   *   store was restored, or belongs to another server.
   */
  async passed(position: Position): Promise<void> {
    const deadline = Date.now() + this.waitMs
    while (!this.holds(position)) {
      this.seen = await this.look()
      if (this.holds(position)) return
      if (Date.now() > deadline) throw new LedgerBehindError()
      await delay(lookMs)
    }
  }

  /**
   * Whether a row of MySQL can be of this position: none that the watermark has not passed is written.
   *
   * @throws StoreClosedError as `passed` does.
   */
  async covers(position: Position): Promise<boolean> {
    if (this.seen && comparePositions(this.seen.watermark, position) >= 0) return true
    this.seen = await this.look()
    return comparePositions(this.seen.watermark, position) >= 0
  }

  /** @throws StoreClosedError when the store belongs to another server than the one that is surveyed. */
  private async look(): Promise<StoreRow> {
    const row = await this.ledger.row()
    if (row.server !== (await this.survey.server())) throw new StoreClosedError('store-fenced')
    return row
  }

  private holds(position: Position): boolean {
    if (!this.seen) return false
    const { watermark } = this.seen
    if (watermark.epoch > position.epoch) throw new StoreClosedError('store-fenced')
    return comparePositions(watermark, position) >= 0
  }
}
