import { comparePositions, formatPosition, type Position } from '../domain/position.js'
import type { WrittenTransaction } from '../ledger/ledger-writer.js'
import type { TracedEntry } from '../stock/traced-entries.js'
import type { Tracing } from './tracing.js'

/** Some seconds of a busy writer's transactions. */
const transactionsMax = 1000
/** What is traced while MySQL is away; the oldest are given up. */
const waitingMax = 10_000
/** By how much the clocks of an API and of this worker may differ. */
const clockMsMax = 1000

/**
 * Brings a transaction of the ledger writer into the traces of the calls whose entries it wrote. Which
 * entries are traced the APIs say, before or after they are written: both are remembered for a while.
 */
export class WriteTracer {
  private readonly transactions: WrittenTransaction[] = []
  private waiting: TracedEntry[] = []

  constructor(
    private readonly store: string,
    private readonly tracing: Tracing,
  ) {}

  /** A sampled call has made an entry. */
  entry(entry: TracedEntry): void {
    const written = this.transactions.find((transaction) => holds(transaction, entry.position))
    if (!written) {
      this.waiting.push(entry)
      if (this.waiting.length > waitingMax) this.waiting.shift()
    } else if (written.endedMs + clockMsMax >= entry.sentMs) {
      this.trace(entry, written)
    }
    // Otherwise it was written before the call was made: a repeat tells the entry of the first call.
  }

  committed(written: WrittenTransaction): void {
    this.transactions.push(written)
    if (this.transactions.length > transactionsMax) this.transactions.shift()
    if (this.waiting.length === 0) return
    // What was passed before is another worker's.
    const passed = this.waiting.filter(({ position }) => comparePositions(position, written.to) <= 0)
    if (passed.length === 0) return
    this.waiting = this.waiting.filter(({ position }) => comparePositions(position, written.to) > 0)
    for (const entry of passed) if (holds(written, entry.position)) this.trace(entry, written)
  }

  private trace(
    { position, traceparent }: TracedEntry,
    { startedMs, endedMs, entries }: WrittenTransaction,
  ): void {
    const { store } = this
    const at = formatPosition(position)
    this.tracing.traceWrite({ store, position: at, traceparent, entries, startMs: startedMs, endMs: endedMs })
  }
}

function holds({ from, to }: WrittenTransaction, { epoch, sequence }: Position): boolean {
  return epoch === to.epoch && sequence > from.sequence && sequence <= to.sequence
}
