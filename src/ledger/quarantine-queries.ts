import type { Position } from '../domain/position.js'
import { everySku } from './blocked-skus.js'
import { Prisma, type QuarantinedEntry } from './prisma-client/client.js'
import { readEntries } from './quarantine.js'
import type { StoreLedger } from './store-ledger.js'

/** What an administrator is shown of an entry. */
export interface ListedEntry {
  position: Position
  /** The sequence of the oldest entry that it stands for. */
  first: number
  state: QuarantinedEntry['state']
  /** Undefined when it does not tell which it moved. */
  skus: string[] | undefined
  /** The fields of its record, each byte as the character of its number. */
  record: string
  setAsideAt: Date
  discarded: { at: Date; by: string; reason: string } | undefined
}

/** The first `limit` entries that are not settled: those that have to be decided on before all others. */
export async function listQuarantine(ledger: StoreLedger, limit: number): Promise<ListedEntry[]> {
  const storeId = await ledger.storeId()
  const read = (state: QuarantinedEntry['state'], take: number) =>
    ledger.database.quarantinedEntry.findMany({
      where: { storeId, state },
      orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }],
      take,
    })
  const rows: QuarantinedEntry[] = []
  for (const state of ['malformed', 'discarded', 'waiting'] as const) {
    rows.push(...(await read(state, limit - rows.length)))
  }
  return rows.map((row) => ({
    position: { epoch: row.epoch, sequence: Number(row.sequence) },
    first: Number(row.firstSequence),
    state: row.state,
    skus: row.skus?.split(','),
    record: row.record,
    setAsideAt: row.setAsideAt,
    discarded: row.discardedAt
      ? { at: row.discardedAt, by: row.discardedBy ?? '', reason: row.reason ?? '' }
      : undefined,
  }))
}

/** How much of a store is quarantined. */
export interface QuarantineSize {
  malformed: number
  waiting: number
  discarded: number
  /** SKUs whose entries are set aside; `all` when an entry does not tell which it moved. */
  skus: number | 'all'
}

export async function readQuarantineSize(ledger: StoreLedger): Promise<QuarantineSize> {
  const storeId = await ledger.storeId()
  const rows = await ledger.database.quarantinedEntry.groupBy({
    by: ['state'],
    where: { storeId, state: { not: 'settled' } },
    _count: true,
  })
  const count = (state: QuarantinedEntry['state']) => rows.find((row) => row.state === state)?._count ?? 0
  const size = { malformed: count('malformed'), waiting: count('waiting'), discarded: count('discarded') }
  if (size.malformed + size.waiting === 0) return { ...size, skus: 0 }
  const { quarantinedSku } = ledger.database
  const isEvery = (await quarantinedSku.count({ where: { storeId, sku: everySku } })) > 0
  return { ...size, skus: isEvery ? 'all' : await quarantinedSku.count({ where: { storeId } }) }
}

/**
 * Has a quarantined entry read again, by the ledger writer, who then applies it and what is set aside
 * behind it. Asking again does nothing more.
 *
 * @returns `unreadable` when this version cannot read it either; `unknown` when no entry at the position
 *   waits for a decision.
 */
export async function retryEntry(
  ledger: StoreLedger,
  at: Position,
): Promise<'retried' | 'unreadable' | 'unknown'> {
  const storeId = await ledger.storeId()
  const { epoch, sequence } = at
  const row = await ledger.database.quarantinedEntry.findUnique({
    where: { storeId_epoch_sequence: { storeId, epoch, sequence } },
  })
  if (row?.state !== 'malformed') return 'unknown'
  if (!readEntries(row)) return 'unreadable'
  const { count } = await ledger.database.quarantinedEntry.updateMany({
    where: { storeId, epoch, sequence, state: 'malformed' },
    data: { state: 'waiting' },
  })
  // Somebody may have discarded it meanwhile.
  return count === 1 ? 'retried' : 'unknown'
}

/**
 * Gives a quarantined entry up: what it moved stays unknown to MySQL until a reconciliation has taken it
 * over from Redis. The ledger writer then applies what is set aside behind it.
 *
 * @returns false when no entry at the position waits for a decision.
 */
export async function discardEntry(
  ledger: StoreLedger,
  { epoch, sequence }: Position,
  discarded: { by: string; reason: string },
): Promise<boolean> {
  const storeId = await ledger.storeId()
  const { count } = await ledger.database.quarantinedEntry.updateMany({
    where: { storeId, epoch, sequence, state: 'malformed' },
    data: {
      state: 'discarded',
      discardedAt: new Date(),
      discardedBy: discarded.by,
      reason: discarded.reason,
    },
  })
  return count === 1
}

/** The entries that were given up and not settled since. */
export interface DiscardedEntry {
  position: Position
  first: number
  skus: string[] | undefined
}

export async function readDiscarded(ledger: StoreLedger): Promise<DiscardedEntry[]> {
  const storeId = await ledger.storeId()
  const rows = await ledger.database.$queryRaw<DiscardedRow[]>`
    SELECT epoch, sequence, first_sequence, skus FROM quarantine
    WHERE store_id = ${storeId} AND state = 'discarded' ORDER BY epoch, sequence LIMIT ${discardedMax}`
  return rows.map(({ epoch, sequence, first_sequence, skus }) => ({
    position: { epoch: Number(epoch), sequence: Number(sequence) },
    first: Number(first_sequence),
    skus: skus?.split(','),
  }))
}

interface DiscardedRow {
  epoch: number | bigint
  sequence: number | bigint
  first_sequence: number | bigint
  skus: string | null
}

/** Each was given up by a person, one at a time. */
const discardedMax = 10_000

/** Records that Redis and MySQL agree in spite of these entries. */
export async function settleDiscarded(
  ledger: StoreLedger,
  entries: readonly DiscardedEntry[],
): Promise<void> {
  const storeId = await ledger.storeId()
  for (const { position } of entries) {
    await ledger.database.quarantinedEntry.updateMany({
      where: { storeId, ...position, state: 'discarded' },
      data: { state: 'settled' },
    })
  }
}

/** What MySQL holds back of some SKUs, or was told never to hold. */
export interface HeldBack {
  /** Those whose entries are set aside. */
  quarantined: Set<string>
  /** Entries of any SKU that an administrator gave up: Redis knows what they did. */
  discarded: DiscardedEntry[]
}

export async function readHeldBack(ledger: StoreLedger, skus: readonly string[]): Promise<HeldBack> {
  // In this order: a SKU is set free after its entry was discarded, which may be at any moment.
  const quarantined = await readQuarantinedSkus(ledger, skus)
  return { quarantined, discarded: await readDiscarded(ledger) }
}

/** Of these SKUs, those whose entries are set aside. */
export async function readQuarantinedSkus(
  ledger: StoreLedger,
  skus: readonly string[],
): Promise<Set<string>> {
  const storeId = await ledger.storeId()
  const [any] = await ledger.database.$queryRaw<{ sku: string }[]>`
    SELECT sku FROM quarantined_skus WHERE store_id = ${storeId} LIMIT 1`
  if (!any) return new Set()
  const rows = await ledger.database.$queryRaw<{ sku: string }[]>`
    SELECT sku FROM quarantined_skus
    WHERE store_id = ${storeId} AND sku IN (${Prisma.join([everySku, ...skus])})`
  const found = new Set(rows.map(({ sku }) => sku))
  return found.has(everySku) ? new Set(skus) : found
}

/** The first entry in one of these states, as a part of a sentence; undefined when there is none. */
export async function quarantineReason(
  ledger: StoreLedger,
  states: QuarantinedEntry['state'][],
): Promise<string | undefined> {
  const first = await ledger.database.quarantinedEntry.findFirst({
    where: { storeId: await ledger.storeId(), state: { in: states } },
    orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }],
    select: { epoch: true, sequence: true, state: true },
  })
  if (!first) return undefined
  const at = `the ledger entry ${first.epoch}-${first.sequence}`
  return first.state === 'discarded'
    ? `${at} was discarded and no reconciliation has settled it`
    : `${at} is quarantined`
}
