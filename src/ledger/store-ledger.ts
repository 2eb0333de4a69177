import type { LedgerEntry } from '../domain/ledger-entry.js'
import type { Reservation } from '../domain/reservation.js'
import type { Database } from './database.js'
import { type LedgerFilter, type PersistedEntry, readLedger, readReservation } from './ledger-queries.js'
import { applyEntries, type StoreRow } from './ledger-tables.js'

/** A store's ledger in MySQL. Every method rejects when MySQL fails. */
export class StoreLedger {
  private id: number | undefined

  constructor(
    readonly database: Database,
    readonly store: string,
  ) {}

  /** The watermark, and the Redis server whose entries are taken. */
  async row(): Promise<StoreRow> {
    const id = await this.storeId()
    const { epoch, sequence, server } = await this.database.store.findUniqueOrThrow({ where: { id } })
    return { watermark: { epoch, sequence: Number(sequence) }, server }
  }

  /** @see applyEntries */
  async apply(seen: StoreRow, entries: readonly LedgerEntry[]): Promise<boolean> {
    return applyEntries(this.database, await this.storeId(), seen, entries)
  }

  /**
   * Makes a Redis server the owner of the store, if the store still stands as it was seen. From then
   * on entries of any other server are not applied.
   *
   * @returns false when the store stands elsewhere.
   */
  async claim(server: string, seen: StoreRow): Promise<boolean> {
    return this.move(seen, { server })
  }

  /**
   * Records that the store's first ledger was opened in Redis, so that an empty Redis is from now
   * on known to be a loss.
   */
  async openFirstEpoch(server: string): Promise<boolean> {
    return this.move({ server, watermark: { epoch: 0, sequence: 0 } }, { epoch: 1 })
  }

  /**
   * Claims the next epoch for a restore of this server. What a writer has under way is settled by
   * it: committed before, and then the claim fails, or never.
   *
   * @returns the epoch, or undefined when the store stands elsewhere.
   */
  async claimNextEpoch(server: string, seen: StoreRow): Promise<number | undefined> {
    const epoch = seen.watermark.epoch + 1
    return (await this.move(seen, { server, epoch })) ? epoch : undefined
  }

  async entries(filter: LedgerFilter): Promise<PersistedEntry[]> {
    return readLedger(this.database, await this.storeId(), filter)
  }

  async reservation(id: string): Promise<Reservation | undefined> {
    return readReservation(this.database, await this.storeId(), id)
  }

  /** The id of the store's row, which is made when the store is new. */
  async storeId(): Promise<number> {
    if (this.id === undefined) {
      await this.database.$executeRaw`INSERT IGNORE INTO stores (name) VALUES (${this.store})`
      const row = await this.database.store.findUniqueOrThrow({ where: { name: this.store } })
      this.id = row.id
    }
    return this.id
  }

  private async move(seen: StoreRow, data: { server?: string; epoch?: number }): Promise<boolean> {
    const id = await this.storeId()
    const { server, watermark } = seen
    const { count } = await this.database.store.updateMany({
      where: { id, server, epoch: watermark.epoch, sequence: watermark.sequence },
      data,
    })
    return count === 1
  }
}

export type { StoreRow }
