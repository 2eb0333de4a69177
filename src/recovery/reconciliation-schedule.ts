import { setTimeout as delay } from 'node:timers/promises'
import { isRefusal } from '../domain/outcomes.js'
import type { ReconciliationReport } from '../domain/reconciliation.js'
import { readNewestComplete } from '../ledger/reconciliation-reports.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { Reconciler } from './reconciler.js'

export interface ScheduleLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Who is told of each run. */
export interface ScheduleObserver {
  /** @param outcome `agreed`, `drifted`, `failed`, or the code of what kept it from running. */
  ended(outcome: string): void
}

/** The first run of a store that has no report, after the start. */
const firstMs = 60_000

/**
 * Compares a store again and again, without repair, and says so in the log when it has drifted. The
 * newest report of all of the store tells when the next run is due, so any number of workers make one run.
 */
export class ReconciliationSchedule {
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined

  constructor(
    private readonly reconciler: Reconciler,
    private readonly ledger: StoreLedger,
    private readonly settings: { intervalMs: number },
    private readonly log: ScheduleLog,
    private readonly observer: ScheduleObserver = { ended() {} },
  ) {}

  /** Does nothing when the interval is 0. */
  start(): void {
    if (this.settings.intervalMs > 0) this.running ??= this.repeat()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  private async repeat(): Promise<void> {
    const { intervalMs } = this.settings
    const { signal } = this.stopping
    // By a clock that nobody sets: no wait becomes longer than it was meant to be.
    let notBeforeMs = performance.now() + Math.min(firstMs, intervalMs)
    let seenId = 0
    let dueMs = 0
    while (!signal.aborted) {
      const newest = await readNewestComplete(this.ledger).catch(() => undefined)
      if (newest && newest.id !== seenId) {
        seenId = newest.id
        // The clock of the host that wrote it may be ahead: it was begun by now at the latest.
        dueMs = performance.now() + Math.min(newest.startedAtMs - Date.now(), 0) + intervalMs
      }
      const waitMs = Math.max(notBeforeMs, dueMs) - performance.now()
      if (waitMs > 0) {
        await delay(waitMs, undefined, { signal }).catch(() => {})
        continue
      }
      await this.runOnce()
      // After a failure there is no report, and the next try must not follow at once.
      notBeforeMs = performance.now() + Math.min(firstMs, intervalMs)
    }
  }

  private async runOnce(): Promise<void> {
    const { store } = this.ledger
    const { signal } = this.stopping
    try {
      const report = await this.reconciler.run({ repair: false, signal })
      if (isRefusal(report)) {
        this.observer.ended(report.refused)
        this.log.info(
          { store, reason: report.refused },
          'Redis and MySQL were not reconciled; it is tried again',
        )
      } else {
        this.observer.ended(report.driftedTotal > 0 ? 'drifted' : 'agreed')
      }
      if (!isRefusal(report) && report.driftedTotal > 0) {
        this.log.warn({ store, ...summary(report) }, 'Redis and MySQL have drifted')
      }
    } catch (error) {
      if (signal.aborted) return
      this.observer.ended('failed')
      this.log.warn({ store, err: error }, 'Redis and MySQL could not be reconciled')
    }
  }
}

/** Where to look; the values may be a customer's and stay in the report. */
function summary({ id, driftedTotal, drifted }: ReconciliationReport): object {
  const { sku, reservationId, field, cause } = drifted[0] ?? {}
  return { id, driftedTotal, first: { sku, reservationId, field, cause } }
}
