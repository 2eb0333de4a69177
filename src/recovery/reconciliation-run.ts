import type { Position } from '../domain/position.js'
import type { Drift } from '../domain/reconciliation.js'
import type { DiscardedEntry } from '../ledger/quarantine-queries.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { Correction, Reading, StoreCorrections } from '../stock/store-corrections.js'
import type { StoreSurvey } from '../stock/store-survey.js'
import type { ReconciliationFindings } from './reconciliation-findings.js'
import type { ReconciliationLag } from './reconciliation-lag.js'

/** What the parts of one run share. */
export interface ReconciliationRun {
  /** Names the run, in its lease and its corrections. */
  owner: string
  /** Who asked for it, in its corrections. */
  actor: string | undefined
  survey: StoreSurvey
  ledger: StoreLedger
  lag: ReconciliationLag
  findings: ReconciliationFindings
  /** Entries that an administrator gave up, as of the begin of the run: Redis knows what they did. */
  discarded: readonly DiscardedEntry[]
  /** Absent in a dry run. */
  corrections: StoreCorrections | undefined
  settings: ReconciliationSettings
  /** Called between steps: keeps the lease, and throws when the run must end. */
  beat(): Promise<void>
}

export interface ReconciliationSettings {
  /** SKUs or reservations read from Redis in one step, which holds it up for some 6 microseconds each. */
  partItems: number
  /** Parts that may wait for those that are being compared; they are compared together then. */
  partsAheadMax: number
  /** Rows read from MySQL in one step of a walk through it. */
  pageRows: number
  /** How long MySQL may take to catch up with a part. */
  lagWaitMs: number
  /** Bound on the walk that adds up reservations. */
  sumMs: number
  leaseMs: number
  /** Drifts that a report holds in full. */
  driftsMax: number
}

/**
 * Compares parts while the next ones are read, of which `aheadMax` may wait. What has come up meanwhile is
 * compared together: by the time MySQL has caught up with the newest of them it has with the others, so they
 * share the wait for the lag and the questions to the database, which is asked one thing at a time.
 */
class PartsAhead<Part> {
  private waiting: Part[] = []
  private comparing: Promise<void> | undefined
  private failure: { error: unknown } | undefined

  constructor(
    private readonly aheadMax: number,
    private readonly compare: (parts: Part[]) => Promise<void>,
  ) {}

  /** Resolves when there is room for another part. @throws what an earlier comparison failed with. */
  async add(part: Part): Promise<void> {
    this.waiting.push(part)
    this.comparing ??= this.compareWaiting()
    if (this.waiting.length >= this.aheadMax) await this.comparing
    if (this.failure) throw this.failure.error
  }

  /** Has nothing more compared but what is under way. */
  fail(error: unknown): void {
    this.failure ??= { error }
    this.waiting = []
  }

  /** Resolves when every part was compared. @throws what a comparison failed with, or the walk. */
  async end(): Promise<void> {
    while (this.comparing) await this.comparing
    if (this.failure) throw this.failure.error
  }

  private async compareWaiting(): Promise<void> {
    const parts = this.waiting
    this.waiting = []
    try {
      await this.compare(parts)
    } catch (error) {
      this.fail(error)
    }
    this.comparing = this.waiting.length > 0 ? this.compareWaiting() : undefined
  }
}

/**
 * Walks through a store and compares its parts.
 *
 * @param walk reads the parts.
 * @param compare gets some that follow each other, the oldest first.
 * @throws what the walk or a comparison failed with; nothing is compared any more then.
 */
export async function compareParts<Part>(
  run: ReconciliationRun,
  walk: AsyncIterable<Part>,
  compare: (parts: Part[]) => Promise<void>,
): Promise<void> {
  const parts = new PartsAhead(run.settings.partsAheadMax, compare)
  try {
    for await (const part of walk) {
      await run.beat()
      await parts.add(part)
    }
  } catch (error) {
    parts.fail(error)
  }
  await parts.end()
}

/** What a correction rests on. */
export function readingOf(run: ReconciliationRun, position: Position): Reading {
  return { run: run.owner, position, actor: run.actor }
}

/** Marks drifts with what became of their correction. */
export function settle(run: ReconciliationRun, drifts: readonly Drift[], correction: Correction): void {
  if ('position' in correction) {
    run.findings.corrected(correction.position)
    for (const drift of drifts) drift.repaired = true
    return
  }
  for (const drift of drifts) drift.unrepaired = correction.unrepaired
}
