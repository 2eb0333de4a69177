import type { EntryKind, EntryLine } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import { parseLines, type Reservation } from '../domain/reservation.js'
import type { Database } from './database.js'
import { Prisma, type Reservation as ReservationRow } from './prisma-client/client.js'

/** An entry as it is read back for people. */
export interface PersistedEntry {
  position: Position
  kind: EntryKind
  occurredAt: Date
  reservationId: string | undefined
  lines: EntryLine[]
  reason: string | undefined
  /** Who made it; absent where nobody was named. */
  actor: string | undefined
}

export interface LedgerFilter {
  sku?: string | undefined
  reservationId?: string | undefined
  /** Entries that come after this position in the order asked for; undefined: from its first one. */
  after: Position | undefined
  /** Which come first; the oldest when absent. */
  order?: 'oldest' | 'newest'
  limit: number
}

/**
 * The persisted entries of a store in order, whole ones: with a SKU in the filter, each entry that
 * touches it has all its lines.
 */
export async function readLedger(
  database: Database,
  storeId: number,
  filter: LedgerFilter,
): Promise<PersistedEntry[]> {
  const { after, order = 'oldest', limit, sku, reservationId } = filter
  const bySku = sku === undefined ? Prisma.empty : Prisma.sql`AND sku = ${sku}`
  const byReservation =
    reservationId === undefined ? Prisma.empty : Prisma.sql`AND reservation_id = ${reservationId}`
  const direction = order === 'oldest' ? Prisma.sql`ASC` : Prisma.sql`DESC`
  const rows = await database.$queryRaw<LedgerRow[]>`
    SELECT l.epoch, l.sequence, l.kind, l.occurred_at, l.reservation_id, l.sku, l.quantity, l.available,
      l.held, l.sold, l.reason, a.actor
    FROM ledger AS l
    JOIN (
      SELECT DISTINCT epoch, sequence FROM ledger
      WHERE store_id = ${storeId} ${bySku} ${byReservation} ${beyond(after, order)}
      ORDER BY epoch ${direction}, sequence ${direction}
      LIMIT ${limit}
    ) AS page ON l.epoch = page.epoch AND l.sequence = page.sequence
    LEFT JOIN ledger_actors AS a
      ON a.store_id = l.store_id AND a.epoch = l.epoch AND a.sequence = l.sequence
    WHERE l.store_id = ${storeId}
    ORDER BY l.epoch ${direction}, l.sequence ${direction}, l.line`
  return groupLines(rows)
}

/** Of these SKUs, those that have counts or a ledger line. */
export async function readKnownSkus(
  database: Database,
  storeId: number,
  skus: readonly string[],
): Promise<Set<string>> {
  const names = Prisma.join([...skus])
  const rows = await database.$queryRaw<{ sku: string }[]>`
    SELECT sku FROM stock WHERE store_id = ${storeId} AND sku IN (${names})
    UNION
    SELECT DISTINCT sku FROM ledger WHERE store_id = ${storeId} AND sku IN (${names})`
  return new Set(rows.map(({ sku }) => sku))
}

function beyond(after: Position | undefined, order: 'oldest' | 'newest'): Prisma.Sql {
  if (!after) return Prisma.empty
  const { epoch, sequence } = after
  return order === 'oldest'
    ? Prisma.sql`AND epoch >= ${epoch} AND (epoch > ${epoch} OR sequence > ${sequence})`
    : Prisma.sql`AND epoch <= ${epoch} AND (epoch < ${epoch} OR sequence < ${sequence})`
}

interface LedgerRow {
  epoch: number | bigint
  sequence: bigint
  kind: EntryKind
  occurred_at: Date
  reservation_id: string | null
  sku: string
  quantity: bigint
  available: bigint
  held: bigint
  sold: bigint
  reason: string | null
  actor: string | null
}

function groupLines(rows: readonly LedgerRow[]): PersistedEntry[] {
  const entries: PersistedEntry[] = []
  for (const row of rows) {
    const position = { epoch: Number(row.epoch), sequence: Number(row.sequence) }
    let entry = entries.at(-1)
    if (entry?.position.epoch !== position.epoch || entry.position.sequence !== position.sequence) {
      entry = {
        position,
        kind: row.kind,
        occurredAt: row.occurred_at,
        reservationId: row.reservation_id ?? undefined,
        lines: [],
        reason: row.reason ?? undefined,
        actor: row.actor ?? undefined,
      }
      entries.push(entry)
    }
    entry.lines.push({
      sku: row.sku,
      quantity: Number(row.quantity),
      available: Number(row.available),
      held: Number(row.held),
      sold: Number(row.sold),
    })
  }
  return entries
}

/** Entries of one epoch, both ends included. */
export interface EntryRange {
  epoch: number
  first: number
  last: number
}

/** How many entries of each kind there are in the ranges, of which there must be one at least. */
export async function countEntries(
  database: Database,
  storeId: number,
  ranges: readonly EntryRange[],
): Promise<Map<EntryKind, number>> {
  const parts = ranges.map(
    ({ epoch, first, last }) => Prisma.sql`(epoch = ${epoch} AND sequence BETWEEN ${first} AND ${last})`,
  )
  const rows = await database.$queryRaw<{ kind: EntryKind; entries: bigint }[]>`
    SELECT kind, COUNT(*) AS entries FROM ledger
    WHERE store_id = ${storeId} AND line = 0 AND (${Prisma.join(parts, ' OR ')})
    GROUP BY kind`
  return new Map(rows.map(({ kind, entries }) => [kind, Number(entries)]))
}

/** A reservation as MySQL holds it; undefined when it does not. */
export async function readReservation(
  database: Database,
  storeId: number,
  id: string,
): Promise<Reservation | undefined> {
  const row = await database.reservation.findUnique({ where: { storeId_id: { storeId, id } } })
  return row ? toReservation(row) : undefined
}

/** A row in MySQL that is not what the writer writes: somebody else changed it. */
export class DamagedRowError extends Error {}

/** @throws DamagedRowError when the row's lines are not what the writer writes. */
export function toReservation(row: ReservationRow): Reservation {
  const lines = parseLines(row.lines)
  if (!lines) {
    throw new DamagedRowError(
      `the row of reservation ${row.id} in MySQL cannot be read: its lines are none; mend it from a backup`,
    )
  }
  return {
    id: row.id,
    state: row.state,
    position: { epoch: row.epoch, sequence: Number(row.sequence) },
    createdAtMs: row.createdAt.getTime(),
    expiresAtMs: row.expiresAt.getTime(),
    closedAtMs: row.closedAt?.getTime(),
    reacquired: row.reacquired,
    paymentRef: row.paymentRef ?? undefined,
    idempotencyKey: row.idempotencyKey ?? undefined,
    ttlSeconds: row.ttlSeconds,
    lines,
    customerId: row.customerId,
    orderId: row.orderId ?? undefined,
  }
}
