import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { LedgerEntry } from '../domain/ledger-entry.js'
import { formatPosition, type Position } from '../domain/position.js'
import type { StoreLedger, StoreRow } from './store-ledger.js'

/** Where the writer reads the ledger from, and whom it tells how far it is. */
export interface LedgerSource {
  /** The run id of the Redis server that the entries come from. */
  server(): Promise<string>
  wait(after: Position, waitMs: number): Promise<boolean>
  gather(waitMs: number): Promise<void>
  read(after: Position, linesMax: number): Promise<LedgerEntry[]>
  publishWatermark(server: string, watermark: Position): Promise<void>
  lease(owner: string, leaseMs: number): Promise<boolean>
  endLease(owner: string): Promise<void>
}

export interface LedgerWriterSettings {
  /** Lines of entries in a transaction, which bounds its bytes; a record of the stream is never split. */
  linesMax: number
  /** How long entries gather before a transaction, unless a payment waits for one of them. */
  lingerMs: number
  /** The pause after a failure. */
  retryMs: number
  leaseMs: number
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
 */
export class LedgerWriter {
  private readonly owner = randomUUID()
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private failure: string | undefined
  private written = 0

  constructor(
    private readonly ledger: StoreLedger,
    private readonly source: LedgerSource,
    private readonly settings: LedgerWriterSettings,
    private readonly log: WriterLog,
  ) {}

  /** Why nothing is being persisted, or undefined while all is well. */
  get problem(): string | undefined {
    return this.failure
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
        if (message !== this.failure) {
          this.log.error(
            { store: this.ledger.store, err: error },
            'the ledger writer cannot go on; it retries',
          )
        }
        this.failure = message
        await this.pause(this.settings.retryMs)
      }
    }
    await this.source.endLease(this.owner).catch(() => {})
  }

  /** Writes for as long as nothing fails. */
  private async work(): Promise<void> {
    const { leaseMs, lingerMs, linesMax } = this.settings
    let seen: StoreRow | undefined
    let behind = false
    while (!this.stopped) {
      if (!(await this.source.lease(this.owner, leaseMs))) {
        seen = undefined
        await this.pause(leaseMs / 4)
        continue
      }
      // Asked before the entries are read: entries of another server are then not applied.
      const server = await this.source.server()
      if (seen?.server !== server) seen = await this.look(server)
      if (!(await this.source.wait(seen.watermark, Math.floor(leaseMs / 4)))) {
        this.failure = undefined
        continue
      }
      if (!behind) await this.source.gather(lingerMs)
      const entries = await this.source.read(seen.watermark, linesMax)
      behind = countLines(entries) >= linesMax
      seen = await this.write(seen, entries)
    }
  }

  /**
   * Where MySQL stands, told to everyone who waits on this server.
   *
   * @throws Error when the store belongs to another server.
   */
  private async look(server: string): Promise<StoreRow> {
    const row = await this.ledger.row()
    if (row.server !== server || !row.opened)
      throw new Error('the store belongs to another Redis server, or is still fenced')
    await this.source.publishWatermark(server, row.watermark)
    return row
  }

  /** @returns where the store stands now; undefined when somebody else has moved it. */
  private async write(seen: StoreRow, entries: LedgerEntry[]): Promise<StoreRow | undefined> {
    const last = entries.at(-1)
    if (!last) return undefined
    assertDense(seen.watermark, entries)
    if (!(await this.ledger.apply(seen, entries))) return undefined
    this.failure = undefined
    this.written += entries.length
    await this.source.publishWatermark(seen.server, last.position)
    return { ...seen, watermark: last.position }
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => {})
  }
}

/** An entry that is missing from the ledger is a loss; going on would hide it. */
function assertDense(from: Position, entries: readonly LedgerEntry[]): void {
  let sequence = from.sequence
  for (const { position } of entries) {
    if (position.sequence !== sequence + 1) {
      throw new Error(`the ledger has a gap: ${formatPosition(position)} follows sequence ${sequence}`)
    }
    sequence = position.sequence
  }
}

function countLines(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.lines.length, 0)
}
