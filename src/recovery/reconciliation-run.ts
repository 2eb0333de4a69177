import type { Position } from '../domain/position.js'
import type { Drift } from '../domain/reconciliation.js'
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
  /** Absent in a dry run. */
  corrections: StoreCorrections | undefined
  settings: ReconciliationSettings
  /** Called between steps: keeps the lease, and throws when the run must end. */
  beat(): Promise<void>
}

export interface ReconciliationSettings {
  /** SKUs or reservations read from Redis in one step, which holds it up for some 6 microseconds each. */
  partItems: number
  /** Parts that are read before the one that is being compared is done. */
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
 * Compares parts one after the other while the next ones are read, at most `aheadMax` of them. By the
 * time MySQL has caught up with one part it has caught up with those behind it, so the wait for the
 * lag is shared by all of them, and the database is asked one thing at a time.
 */
class PartsAhead {
  private readonly comparisons: Promise<void>[] = []
  failure: { error: unknown } | undefined

  constructor(private readonly aheadMax: number) {}

  /** Resolves when there is room for the part. @throws what an earlier comparison failed with. */
  async add(compare: () => Promise<void>): Promise<void> {
    while (this.comparisons.length >= this.aheadMax) await this.comparisons[0]
    if (this.failure) throw this.failure.error
    this.comparisons.push(this.compareAfter(this.comparisons.at(-1), compare))
  }

  /** Resolves when every part was compared, or left out after a failure. */
  async end(): Promise<void> {
    await this.comparisons.at(-1)
  }

  private async compareAfter(
    previous: Promise<void> | undefined,
    compare: () => Promise<void>,
  ): Promise<void> {
    await previous
    try {
      if (!this.failure) await compare()
    } catch (error) {
      this.failure = { error }
    } finally {
      this.comparisons.shift()
    }
  }
}

/**
 * Walks through a store and compares its parts.
 *
 * @param walk reads the parts and adds what compares each.
 * @throws what the walk or a comparison failed with; nothing is compared any more then.
 */
export async function compareParts(
  run: ReconciliationRun,
  walk: (add: (compare: () => Promise<void>) => Promise<void>) => Promise<void>,
): Promise<void> {
  const parts = new PartsAhead(run.settings.partsAheadMax)
  try {
    await walk((compare) => parts.add(compare))
  } catch (error) {
    parts.failure ??= { error }
  }
  await parts.end()
  if (parts.failure) throw parts.failure.error
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
