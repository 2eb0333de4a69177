import type { Registry } from 'prom-client'
import type { ExpirerObserver } from '../expiry/expirer.js'
import type { WriterObserver } from '../ledger/ledger-writer.js'
import type { ScheduleObserver } from '../recovery/reconciliation-schedule.js'
import { storeGauge } from './reading.js'
import { Counts, Distributions, durationBounds } from './tally.js'

/** A transaction has at most `HOLDFAST_WRITER_LINES_MAX` lines, of which an entry has one or more. */
const entryBounds = [1, 5, 10, 50, 100, 250, 500, 1000, 2000, 5000, 10_000]
/** In seconds. A job is due up to a bucket after the deadline, a sweep finds the rest. */
const latenessBounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** A job that was due has run by then; what a sweep finds later, a job has left. */
const jobLatenessMsMax = 1000

/** What is read of the work on a store when /metrics is. */
export interface WatchedWork {
  writer: { readonly problem: string | undefined; readonly holdsLease: boolean }
}

/** The figures of what a worker does. */
export class WorkerMetrics {
  private readonly stores = new Map<string, WatchedWork>()
  private readonly entries: Counts
  private readonly writeDurations: Distributions
  private readonly writeEntries: Distributions
  private readonly writeFailures: Counts
  private readonly expired: Counts
  private readonly lateness: Distributions
  private readonly sweepFinds: Counts
  private readonly reconciliations: Counts

  constructor(registry: Registry) {
    const counts = (name: string, help: string) => new Counts(registry, name, help)
    this.entries = counts('holdfast_ledger_written_entries_total', 'Ledger entries written to MySQL.')
    this.writeDurations = new Distributions(
      registry,
      'holdfast_ledger_write_duration_seconds',
      'How long a transaction that wrote ledger entries to MySQL took.',
      durationBounds,
    )
    this.writeEntries = new Distributions(
      registry,
      'holdfast_ledger_write_entries',
      'How many ledger entries a transaction wrote.',
      entryBounds,
    )
    this.writeFailures = counts(
      'holdfast_ledger_write_failures_total',
      'Times that the ledger writer could not go on; each is followed by a retry.',
    )
    this.expired = counts(
      'holdfast_reservations_expired_total',
      'Reservations expired, by what had the expirer look: a job or a sweep.',
    )
    this.lateness = new Distributions(
      registry,
      'holdfast_expiry_lateness_seconds',
      'How far the oldest reservation of a step was past its deadline when it expired.',
      latenessBounds,
    )
    this.sweepFinds = counts(
      'holdfast_expiry_sweep_finds_total',
      'Steps of a sweep that expired what a job had left for more than a second.',
    )
    this.reconciliations = counts(
      'holdfast_reconciliations_total',
      'Reconciliations that were due in this worker, by how they ended.',
    )
    this.gauges(registry)
  }

  /** What is told of the work on a store. */
  observers(store: string): { writer: WriterObserver; expirer: ExpirerObserver; schedule: ScheduleObserver } {
    const entries = this.entries.child({ store })
    const durations = this.writeDurations.child({ store })
    const writeEntries = this.writeEntries.child({ store })
    const failures = this.writeFailures.child({ store })
    const lateness = this.lateness.child({ store })
    const finds = this.sweepFinds.child({ store })
    const expired = {
      job: this.expired.child({ store, woken_by: 'job' }),
      sweep: this.expired.child({ store, woken_by: 'sweep' }),
    }
    return {
      writer: {
        committed: (written) => {
          entries.add(written.entries)
          durations.add((written.endedMs - written.startedMs) / 1000)
          writeEntries.add(written.entries)
        },
        failed: () => failures.add(),
      },
      expirer: {
        expired: (count, overdueMs, wokenBy) => {
          expired[wokenBy].add(count)
          lateness.add(overdueMs / 1000)
          if (wokenBy === 'sweep' && overdueMs > jobLatenessMsMax) finds.add()
        },
      },
      schedule: { ended: (outcome) => this.reconciliations.child({ store, outcome }).add() },
    }
  }

  watch(store: string, work: WatchedWork): void {
    this.stores.set(store, work)
  }

  private gauges(registry: Registry): void {
    storeGauge(
      registry,
      this.stores,
      'holdfast_ledger_writer_active',
      "1 while this worker has the lease to write the store's ledger; another one has it otherwise.",
      ({ writer }) => (writer.holdsLease ? 1 : 0),
    )
    storeGauge(
      registry,
      this.stores,
      'holdfast_ledger_writer_failing',
      '1 while the ledger writer of this worker cannot go on.',
      ({ writer }) => (writer.problem ? 1 : 0),
    )
  }
}
