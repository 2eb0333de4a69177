import type { LedgerEntry } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import type { Reservation } from '../domain/reservation.js'
import type { Database } from './database.js'
import { type LedgerFilter, type PersistedEntry, readLedger, readReservation } from './ledger-queries.js'
import { applyEntries } from './ledger-tables.js'

/** A store's ledger in MySQL. Every method rejects when MySQL fails. */
export class StoreLedger {
  private id: number | undefined

  constructor(
    private readonly database: Database,
    readonly store: string,
  ) {}

  /** The position up to which MySQL holds everything. */
  async watermark(): Promise<Position> {
    const id = await this.storeId()
    const row = await this.database.store.findUniqueOrThrow({ where: { id } })
    return { epoch: row.epoch, sequence: Number(row.sequence) }
  }

  /** @see applyEntries */
  async apply(from: Position, entries: readonly LedgerEntry[]): Promise<boolean> {
    return applyEntries(this.database, await this.storeId(), from, entries)
  }

  /**
   * Records that the store's first ledger was opened in Redis, so that an empty Redis is from now
   * on known to be a loss. Does nothing when it was recorded before.
   */
  async openFirstEpoch(): Promise<void> {
    const id = await this.storeId()
    await this.database.store.updateMany({ where: { id, epoch: 0 }, data: { epoch: 1 } })
  }

  async entries(filter: LedgerFilter): Promise<PersistedEntry[]> {
    return readLedger(this.database, await this.storeId(), filter)
  }

  async reservation(id: string): Promise<Reservation | undefined> {
    return readReservation(this.database, await this.storeId(), id)
  }

  /** The id of the store's row, which is made when the store is new. */
  private async storeId(): Promise<number> {
    if (this.id === undefined) {
      await this.database.$executeRaw`INSERT IGNORE INTO stores (name) VALUES (${this.store})`
      const row = await this.database.store.findUniqueOrThrow({ where: { name: this.store } })
      this.id = row.id
    }
    return this.id
  }
}
