import type { EntryKind } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import type { Reservation } from '../domain/reservation.js'
import type { Database } from './database.js'
import {
  countEntries,
  type EntryRange,
  type LedgerFilter,
  type PersistedEntry,
  readKnownSkus,
  readLedger,
  readReservation,
} from './ledger-queries.js'
import { applyEntries, type EntryBatch, type StoreRow } from './ledger-tables.js'

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
    const row = await this.database.store.findUniqueOrThrow({ where: { id } })
    const { server, generation, opened, epoch, sequence } = row
    const watermark = { epoch, sequence: Number(sequence) }
    return { watermark, server, generation, opened, lastOpened: lastOpenedOf(row) }
  }

  /** @see applyEntries */
  async apply(seen: StoreRow, batch: EntryBatch, msMax?: number): Promise<boolean> {
    return applyEntries(this.database, await this.storeId(), seen, batch, msMax)
  }

  /**
   * Makes a Redis server the owner of the store, if the store still stands as it was seen. From then
   * on entries of any other server are not applied; its own are once it is marked as opened.
   *
   * The generation rises when the server before it was opened, and so may have sold. A claim that was
   * never carried through changes hands without.
   *
   * @returns how the store stands now, or undefined when it stood elsewhere.
   */
  async claim(server: string, seen: StoreRow): Promise<StoreRow | undefined> {
    const claimed = claimedBy(server, seen)
    const { generation, opened } = claimed
    return claimed === seen || (await this.move(seen, { server, generation, opened })) ? claimed : undefined
  }

  /**
   * Records that the owner was found sound; before it sells. With a store's first ledger epoch 1 begins,
   * so that an empty Redis is from now on known to be a loss.
   *
   * @returns false when it is not the owner.
   */
  async markOpened({ server, generation, watermark: { epoch } }: StoreRow): Promise<boolean> {
    const id = await this.storeId()
    const { count } = await this.database.store.updateMany({
      where: { id, server, generation, epoch },
      data: {
        opened: true,
        openedServer: server,
        openedGeneration: generation,
        epoch: Math.max(epoch, 1),
      },
    })
    return count === 1
  }

  /**
   * Claims the next epoch for a restore of the owner. What a writer has under way is settled by it:
   * committed before, and then the claim fails, or never.
   *
   * @returns how the store stands now, or undefined when it stood elsewhere.
   */
  async claimNextEpoch(seen: StoreRow): Promise<StoreRow | undefined> {
    const epoch = seen.watermark.epoch + 1
    return (await this.move(seen, { epoch, opened: false }))
      ? { ...seen, opened: false, watermark: { ...seen.watermark, epoch } }
      : undefined
  }

  /**
   * Gives the store to a Redis server by hand, whoever owns it, with the next epoch for its restore and a
   * generation that no data knows of. Entries that are not applied by now never are.
   *
   * @param known the newest epoch and generation that the server's own data knows of: they are ahead of
   *   MySQL's when that was set back.
   * @returns how the store stands now, or undefined when somebody else has moved it meanwhile.
   */
  async giveTo(server: string, known: { epoch: number; generation: number }): Promise<StoreRow | undefined> {
    const id = await this.storeId()
    const seen = await this.row()
    const epoch = Math.max(seen.watermark.epoch, known.epoch) + 1
    const generation = Math.max(seen.generation, known.generation) + 1
    const { count } = await this.database.store.updateMany({
      // Not where its watermark stands: a writer moves that while it may.
      where: { id, server: seen.server, generation: seen.generation, epoch: seen.watermark.epoch },
      data: { server, generation, epoch, opened: false },
    })
    const row = await this.row()
    const isOurs = row.server === server && row.generation === generation && row.watermark.epoch === epoch
    return count === 1 && isOurs ? row : undefined
  }

  async entries(filter: LedgerFilter): Promise<PersistedEntry[]> {
    return readLedger(this.database, await this.storeId(), filter)
  }

  /** @see countEntries */
  async countEntries(ranges: readonly EntryRange[]): Promise<Map<EntryKind, number>> {
    return countEntries(this.database, await this.storeId(), ranges)
  }

  async reservation(id: string): Promise<Reservation | undefined> {
    return readReservation(this.database, await this.storeId(), id)
  }

  /** @see readKnownSkus */
  async knownSkus(skus: readonly string[]): Promise<Set<string>> {
    return readKnownSkus(this.database, await this.storeId(), skus)
  }

  async hasEntry({ epoch, sequence }: Position): Promise<boolean> {
    const storeId = await this.storeId()
    const row = await this.database.ledgerLine.findFirst({
      where: { storeId, epoch, sequence },
      select: { epoch: true },
    })
    return row !== null
  }

  /** Whether the entry at a position is kept without having been applied, although the watermark has passed it. */
  async isQuarantined({ epoch, sequence }: Position): Promise<boolean> {
    const storeId = await this.storeId()
    const row = await this.database.quarantinedEntry.findFirst({
      where: { storeId, epoch, sequence: { gte: sequence }, state: { not: 'settled' } },
      orderBy: { sequence: 'asc' },
      select: { firstSequence: true },
    })
    return row !== null && Number(row.firstSequence) <= sequence
  }

  /** The id of the store's row, which is made when the store is new. */
  async storeId(): Promise<number> {
    if (this.id === undefined) {
      const where = { name: this.store }
      let row = await this.database.store.findUnique({ where })
      if (!row) {
        // Somebody else may be first. Each attempt takes an id, of which there are few.
        await this.database.$executeRaw`INSERT IGNORE INTO stores (name) VALUES (${this.store})`
        row = await this.database.store.findUniqueOrThrow({ where })
      }
      this.id = row.id
    }
    return this.id
  }

  private async move(
    seen: StoreRow,
    data: { server?: string; generation?: number; opened?: boolean; epoch?: number },
  ): Promise<boolean> {
    const id = await this.storeId()
    const { server, generation, opened, watermark } = seen
    const { count } = await this.database.store.updateMany({
      where: { id, server, generation, opened, epoch: watermark.epoch, sequence: watermark.sequence },
      data,
    })
    return count === 1
  }
}

/**
 * A process of a version that does not record it may have opened the store since; an owner by hand may also have
 * been passed over, which does no harm, because it had an epoch of its own.
 */
function lastOpenedOf(row: {
  generation: number
  opened: boolean
  openedServer: string
  openedGeneration: number
}): StoreRow['lastOpened'] {
  const mayHaveOpened = row.opened ? row.generation : Math.max(row.generation - 1, 0)
  return row.openedGeneration >= mayHaveOpened
    ? { server: row.openedServer, generation: row.openedGeneration }
    : { server: '', generation: mayHaveOpened }
}

/** How the store will stand when a server has claimed it. @see StoreLedger.claim */
export function claimedBy(server: string, seen: StoreRow): StoreRow {
  if (seen.server === server) return seen
  return { ...seen, server, generation: seen.generation + (seen.opened ? 1 : 0), opened: false }
}

/** All stores that were ever opened. Rejects when MySQL fails. */
export async function readStoreNames(database: Database): Promise<string[]> {
  const rows = await database.store.findMany({ select: { name: true }, orderBy: { id: 'asc' } })
  return rows.map(({ name }) => name)
}

export type { StoreRow }
