import type { LedgerEntry } from '../domain/ledger-entry.js'
import { isReadable, type LedgerItem, type RecordBytes, readRecordBytes } from '../domain/ledger-record.js'
import { comparePositions, formatPosition, origin, type Position } from '../domain/position.js'
import { type AsideEntry, BlockedSkus, skusOf, sortOut } from './blocked-skus.js'
import { type EntryBatch, prepareBatch, prepareBlockedSkus, prepareRelease } from './ledger-tables.js'
import type { QuarantinedEntry } from './prisma-client/client.js'
import type { StoreLedger, StoreRow } from './store-ledger.js'

/** Rows of the quarantine that are looked at in one step. */
const pageRows = 500

/**
 * What a store's ledger writer knows of the entries that MySQL keeps without having applied them.
 *
 * An entry that cannot be read is kept byte by byte, in the transaction that moves the watermark past
 * it. Entries behind it that touch its SKUs are kept too, in order, until an administrator has it read
 * again or gives it up; all others go on.
 */
export class Quarantine {
  private constructor(
    private readonly blocked: BlockedSkus,
    /** Of the oldest entry that MySQL lacks. */
    private oldest: Position | undefined,
    /** What blocks, or was given up, as MySQL has it. */
    private readonly heads: Set<string>,
  ) {}

  get isEmpty(): boolean {
    return this.oldest === undefined
  }

  /**
   * Looks at what is quarantined, and applies what is not behind an unreadable entry any more.
   *
   * If this process dies on the way, what was applied is out of the quarantine and the next writer goes
   * on with the rest.
   *
   * @param seen where the store stands.
   * @returns undefined when it stood elsewhere.
   */
  static async open(ledger: StoreLedger, seen: StoreRow): Promise<Quarantine | undefined> {
    const heads = await readHeads(ledger)
    const blocked = new BlockedSkus()
    for await (const rows of readRows(ledger)) {
      const { free, released, unreadable } = sortRows(rows, blocked)
      if (released.length + unreadable.length === 0) continue
      if (!(await ledger.apply(seen, prepareRelease(seen.watermark, free, released, unreadable))))
        return undefined
      for (const { position } of unreadable) heads.add(nameOf('malformed', position))
    }
    if (String(blocked.names) !== String(await readBlockedNames(ledger))) {
      if (!(await ledger.apply(seen, prepareBlockedSkus(seen.watermark, blocked.names)))) return undefined
    }
    return new Quarantine(blocked, await readOldest(ledger), heads)
  }

  /** What a transaction does with entries in a row: applies them, or sets them aside. */
  prepare(items: readonly LedgerItem[]): EntryBatch {
    const { position } = items.at(-1) as LedgerItem
    const { free, aside } = sortOut(items, this.blocked)
    for (const entry of aside) {
      this.oldest ??= { epoch: entry.position.epoch, sequence: entry.first }
      if (entry.state === 'malformed') this.heads.add(nameOf(entry.state, entry.position))
    }
    return prepareBatch(position, free, aside)
  }

  /** Up to where MySQL has applied every entry. */
  settled(watermark: Position): Position {
    if (!this.oldest || comparePositions(this.oldest, watermark) > 0) return watermark
    return { ...this.oldest, sequence: this.oldest.sequence - 1 }
  }

  /** Whether nobody has retried, discarded or settled anything since. */
  async isCurrent(ledger: StoreLedger): Promise<boolean> {
    const heads = await readHeads(ledger)
    return heads.size === this.heads.size && [...heads].every((head) => this.heads.has(head))
  }
}

interface SortedRows {
  free: LedgerEntry[]
  /** The rows that these came from. */
  released: Position[]
  /** What was to be read again and cannot be. */
  unreadable: AsideEntry[]
}

/** Goes through rows in order, as `sortOut` does through entries. */
function sortRows(rows: readonly QuarantinedEntry[], blocked: BlockedSkus): SortedRows {
  const sorted: SortedRows = { free: [], released: [], unreadable: [] }
  for (const row of rows) {
    const entries = row.state === 'waiting' ? readEntries(row) : undefined
    if (!entries) {
      const skus = row.skus?.split(',')
      blocked.add(skus)
      if (row.state === 'waiting') sorted.unreadable.push({ ...place(row), state: 'malformed', skus })
      continue
    }
    const skus = entries.flatMap(skusOf)
    if (blocked.blocks(skus)) {
      blocked.add(skus)
    } else {
      sorted.free.push(...entries)
      sorted.released.push(place(row).position)
    }
  }
  return sorted
}

function place(row: QuarantinedEntry): { position: Position; first: number; record: RecordBytes } {
  const position = { epoch: row.epoch, sequence: Number(row.sequence) }
  return { position, first: Number(row.firstSequence), record: JSON.parse(row.record) as RecordBytes }
}

/** @returns undefined unless all entries that the row stands for can be read. */
export function readEntries(row: QuarantinedEntry): LedgerEntry[] | undefined {
  try {
    const { position, first, record } = place(row)
    const items = readRecordBytes(position, first, record)
    return items.every(isReadable) && items[0]?.position.sequence === first ? items : undefined
  } catch {
    // Somebody has edited the record, and it is no JSON any more.
    return undefined
  }
}

async function* readRows(ledger: StoreLedger): AsyncGenerator<QuarantinedEntry[]> {
  const storeId = await ledger.storeId()
  let after = origin
  for (;;) {
    const rows = await ledger.database.quarantinedEntry.findMany({
      where: {
        storeId,
        state: { in: ['malformed', 'waiting'] },
        epoch: { gte: after.epoch },
        OR: [{ epoch: { gt: after.epoch } }, { sequence: { gt: after.sequence } }],
      },
      orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }],
      take: pageRows,
    })
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (!last || rows.length < pageRows) return
    after = { epoch: last.epoch, sequence: Number(last.sequence) }
  }
}

async function readHeads(ledger: StoreLedger): Promise<Set<string>> {
  const rows = await ledger.database.quarantinedEntry.findMany({
    where: { storeId: await ledger.storeId(), state: { in: ['malformed', 'discarded'] } },
    select: { state: true, epoch: true, sequence: true },
  })
  return new Set(
    rows.map(({ state, epoch, sequence }) => nameOf(state, { epoch, sequence: Number(sequence) })),
  )
}

function nameOf(state: string, position: Position): string {
  return `${state} ${formatPosition(position)}`
}

async function readOldest(ledger: StoreLedger): Promise<Position | undefined> {
  const row = await ledger.database.quarantinedEntry.findFirst({
    where: { storeId: await ledger.storeId(), state: { not: 'settled' } },
    orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }],
    select: { epoch: true, firstSequence: true },
  })
  return row ? { epoch: row.epoch, sequence: Number(row.firstSequence) } : undefined
}

async function readBlockedNames(ledger: StoreLedger): Promise<string[]> {
  const rows = await ledger.database.quarantinedSku.findMany({
    where: { storeId: await ledger.storeId() },
    select: { sku: true },
  })
  return rows.map(({ sku }) => sku).sort()
}
