import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isReadable, type LedgerItem } from '../domain/ledger-record.js'
import { formatPosition, type Position } from '../domain/position.js'
import type { EntryBatch } from './ledger-tables.js'
import { Quarantine } from './quarantine.js'
import type { StoreLedger, StoreRow } from './store-ledger.js'

/** Where the writer reads the ledger from, and whom it tells how far it is. */
export interface LedgerSource {
  /** The run id of the Redis server that the entries come from. */
  server(): Promise<string>
  wait(after: Position, waitMs: number): Promise<boolean>
  /** A wait that is under way rejects; there is no other one. */
  endWaiting(): void
  gather(waitMs: number): Promise<void>
  read(after: Position, linesMax: number): Promise<LedgerItem[]>
  /** Whether what was read before may be of another history than what MySQL holds. */
  hasGoneBack(owner: StoreRow, watermark: Position): Promise<boolean>
  /** @param settled up to where no entry is quarantined. */
  publishWatermark(server: string, watermark: Position, settled: Position): Promise<void>
  lease(owner: string, leaseMs: number): Promise<boolean>
  endLease(owner: string): Promise<void>
}

export interface LedgerWriterSettings {
  /** Lines of entries in a transaction, which bounds its bytes; a record of the stream is never split. */
  linesMax: number
  /** What a transaction may take, in ms. */
  transactionMsMax: number
  /** How long entries gather before a transaction, unless a payment waits for one of them. */
  lingerMs: number
  /** The pause after a failure. */
  retryMs: number
  leaseMs: number
}

/** A transaction that has moved the watermark. */
export interface WrittenTransaction {
  /** Where the watermark stood before it. */
  from: Position
  to: Position
  entries: number
  /** In ms since 1970. */
  startedMs: number
  endedMs: number
}

/** Who is told of each transaction, for figures and traces. */
export interface WriterObserver {
  committed(written: WrittenTransaction): void
  /** The writer could not go on, and will try again. */
  failed(): void
}

/** The part of a logger that the writer needs. */
export interface WriterLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * Persists a store's ledger to MySQL: reads from the watermark, applies entries in order, moves the
 * watermark in the same transaction, then tells the others and lets Redis drop what MySQL holds.
 *
 * What if it dies? Before the commit: the next one reads the same entries from the same watermark.
 * After the commit, before the trim: the next one begins after them, and trims. Two writers at once
 * do no harm (`applyEntries`); a lease keeps the second from wasting its work.
 *
 * What if MySQL is too slow for a transaction? It fails, and the next one is half as large, down to one
 * record; they grow again while they take little of their time. So a slow MySQL gets less at once, and
 * never the same again for ever.
 *
 * An entry that cannot be read does not stop it: see `Quarantine`. One that is missing does, once all that
 * stands before it is persisted.
 */
export class LedgerWriter {
  private readonly owner = randomUUID()
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private failure: string | undefined
  private written = 0
  private leased = false
  private linesMax: number

  constructor(
    private readonly ledger: StoreLedger,
    private readonly source: LedgerSource,
    private readonly settings: LedgerWriterSettings,
    private readonly log: WriterLog,
    private readonly observer: WriterObserver = { committed() {}, failed() {} },
  ) {
    this.linesMax = settings.linesMax
  }

  /** Why nothing is being persisted, or undefined while all is well. */
  get problem(): string | undefined {
    return this.failure
  }

  /** Whether this is the one writer of the store, as far as it knows. */
  get holdsLease(): boolean {
    return this.leased
  }

  /** Entries persisted by this writer. */
  get entriesWritten(): number {
    return this.written
  }

  start(): void {
    this.running ??= this.run()
  }

  /** Finishes the transaction under way and stops. */
  async stop(): Promise<void> {
    this.stopping.abort()
    this.source.endWaiting()
    await this.running
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.work()
      } catch (error) {
        if (this.stopped) break
        const message = error instanceof Error ? error.message : String(error)
        if (!isSameFailure(message, this.failure)) {
          this.log.error(
            { store: this.ledger.store, err: error },
            'the ledger writer cannot go on; it retries',
          )
        }
        this.failure = message
        // It is asked for again once MySQL has answered, and meanwhile another one may take it.
        this.leased = false
        this.observer.failed()
        await this.pause(this.settings.retryMs)
      }
    }
    this.leased = false
    await this.source.endLease(this.owner).catch(() => {})
  }

  /** Writes for as long as nothing fails. */
  private async work(): Promise<void> {
    const { leaseMs, lingerMs } = this.settings
    // One that cannot reach MySQL leaves the store to a worker that can.
    if (this.failure !== undefined) await this.ledger.row()
    let seen: Standing | undefined
    let ahead: Promise<Reading | undefined> | undefined
    while (!this.stopped) {
      this.leased = await this.source.lease(this.owner, leaseMs)
      if (!this.leased) {
        // Another one writes: whatever kept this one from it matters no more.
        this.failure = undefined
        seen = undefined
        await this.pause(leaseMs / 4)
        continue
      }
      // Asked before the entries are read: entries of another server are then not applied.
      const server = await this.source.server()
      if (!seen || seen.row.server !== server || !(await this.isCurrent(seen))) {
        ahead = undefined
        seen = await this.look(server)
        if (!seen) continue
      }
      const { watermark } = seen.row
      if (!ahead) {
        if (!(await this.source.wait(watermark, Math.floor(leaseMs / 4)))) {
          this.failure = undefined
          continue
        }
        await this.source.gather(lingerMs)
      }
      const reading: Reading | undefined = await (ahead ?? this.read(watermark, seen))
      const writing = reading && this.write(seen, reading)
      // While MySQL applies these, the next ones are read.
      const isBehind = reading?.isFull && seen.quarantine.isEmpty
      ahead = isBehind ? this.read(reading.batch.to, seen) : undefined
      ahead?.catch(() => {})
      seen = await writing
    }
  }

  /**
   * Where MySQL stands, told to everyone who waits on this server.
   *
   * @returns undefined when somebody else has moved it meanwhile.
   * @throws Error when the store belongs to another server.
   */
  private async look(server: string): Promise<Standing | undefined> {
    const row = await this.ledger.row()
    // Fenced or not: a store is not restored before its quarantine is cleared.
    const quarantine = await Quarantine.open(this.ledger, row)
    if (!quarantine) return undefined
    if (row.server !== server || !row.opened)
      throw new Error('the store belongs to another Redis server, or is still fenced')
    await this.source.publishWatermark(server, row.watermark, quarantine.settled(row.watermark))
    return { row, quarantine }
  }

  /** Whether an administrator has left the quarantine as it was seen; asked only while there is one. */
  private async isCurrent({ quarantine }: Standing): Promise<boolean> {
    return quarantine.isEmpty || quarantine.isCurrent(this.ledger)
  }

  private async read(after: Position, { row, quarantine }: Standing): Promise<Reading | undefined> {
    const { linesMax } = this
    const found = await this.source.read(after, linesMax)
    if (found.length === 0) return undefined
    if (await this.source.hasGoneBack(row, row.watermark))
      throw new Error('the data of Redis went back: the store has to be restored first')
    const items = upToGap(after, found)
    const lines = items.reduce((sum, item) => sum + (isReadable(item) ? item.lines.length : 1), 0)
    return { batch: quarantine.prepare(items), lines, isFull: lines >= linesMax }
  }

  /** @returns where the store stands now; undefined when somebody else has moved it. */
  private async write({ row, quarantine }: Standing, reading: Reading): Promise<Standing | undefined> {
    const { batch } = reading
    const { to } = batch
    const startedMs = nowMs()
    if (!(await this.apply(row, reading))) return undefined
    const endedMs = nowMs()
    this.failure = undefined
    this.written += batch.entries
    for (const { position, state, skus } of batch.aside) {
      if (state !== 'malformed') continue
      const fields = { store: this.ledger.store, position: formatPosition(position), skus: skus ?? 'all' }
      this.log.error(fields, 'a ledger entry cannot be read: it is quarantined, and its SKUs with it')
    }
    await this.source.publishWatermark(row.server, to, quarantine.settled(to))
    this.observer.committed({ from: row.watermark, to, entries: batch.entries, startedMs, endedMs })
    return { row: { ...row, watermark: to }, quarantine }
  }

  private async apply(row: StoreRow, { batch, lines }: Reading): Promise<boolean> {
    const { linesMax, transactionMsMax } = this.settings
    const startedMs = performance.now()
    try {
      const applied = await this.ledger.apply(row, batch, transactionMsMax)
      // Twice as many would take twice as long, or more.
      const isQuick = performance.now() - startedMs < transactionMsMax / 4
      if (isQuick) this.linesMax = Math.min(2 * this.linesMax, linesMax)
      return applied
    } catch (error) {
      this.linesMax = Math.max(1, Math.floor(Math.min(lines, this.linesMax) / 2))
      throw error
    }
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => {})
  }
}

/** Whether a failure is the one before but for its figures: a pool tells after how many ms it gave up. */
function isSameFailure(message: string, before: string | undefined): boolean {
  return message.replace(/\d+/g, '0') === before?.replace(/\d+/g, '0')
}

/** In ms since 1970, by a clock that nobody sets back. */
function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** What the writer goes by until somebody else moves the store. */
interface Standing {
  row: StoreRow
  quarantine: Quarantine
}

interface Reading {
  batch: EntryBatch
  lines: number
  /** Whether there may be more behind it. */
  isFull: boolean
}

/**
 * The items before the first gap. An entry that is missing from the ledger is a loss; going on would hide it.
 *
 * @throws Error when the gap is the first thing there is.
 */
function upToGap(from: Position, items: readonly LedgerItem[]): readonly LedgerItem[] {
  let { sequence } = from
  for (const [i, item] of items.entries()) {
    const first = isReadable(item) ? item.position.sequence : item.first
    if (first !== sequence + 1 || item.position.sequence < first) {
      if (i > 0) return items.slice(0, i)
      throw new Error(`the ledger has a gap: ${formatPosition(item.position)} follows sequence ${sequence}`)
    }
    sequence = item.position.sequence
  }
  return items
}
