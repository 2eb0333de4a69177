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
  /** SKUs or reservations read from Redis in one step: they hold it up for about a millisecond. */
  partItems: number
  /** Parts that are compared while the next one is read. */
  partsInFlight: number
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

/** Runs a bounded number of tasks at once; the first failure ends them all. */
export class TasksInFlight {
  private readonly tasks = new Set<Promise<void>>()
  private failure: { error: unknown } | undefined

  constructor(private readonly tasksMax: number) {}

  /** Starts the task when there is room. @throws what an earlier task failed with. */
  async add(task: () => Promise<void>): Promise<void> {
    while (this.tasks.size >= this.tasksMax) await Promise.race(this.tasks)
    this.rethrow()
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.failure ??= { error }
      })
      .finally(() => this.tasks.delete(running))
    this.tasks.add(running)
  }

  /** Resolves when every task has ended. @throws what one of them failed with. */
  async end(): Promise<void> {
    await Promise.all(this.tasks)
    this.rethrow()
  }

  private rethrow(): void {
    if (this.failure) throw this.failure.error
  }
}

/** What a correction rests on. */
export function readingOf(run: ReconciliationRun, position: Position): Reading {
  return { run: run.owner, position }
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
