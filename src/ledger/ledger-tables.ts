import type { LedgerEntry } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import { formatLines } from '../domain/reservation.js'
import type { Database } from './database.js'

/** Where a store's ledger in MySQL stands, and whose entries it takes. */
export interface StoreRow {
  watermark: Position
  /** The run id of the Redis server that owns the store. */
  server: string
  /** Rises whenever another server takes the store over. */
  generation: number
  /** Whether that server was found sound, so that its entries are taken. */
  opened: boolean
}

/**
 * Applies entries to MySQL and moves the store's watermark from where it was seen to the position of
 * the last of them, in one transaction.
 *
 * Nothing is applied unless the store still stands as it was seen: the same watermark, so that of two
 * writers one does the work, and the same server, so that one that was superseded adds nothing.
 *
 * Each statement is also safe to repeat and to run late: it carries whole states, and a row only
 * ever moves to a newer position. So a transaction of which the client lost track cannot take a row
 * back. The watermark moves last.
 *
 * Each statement takes all its rows as one JSON text: a call through Prisma costs far more than a
 * row does.
 *
 * @returns false when the store stood elsewhere and nothing was applied.
 */
export async function applyEntries(
  database: Database,
  storeId: number,
  seen: StoreRow,
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  const to = (entries.at(-1) as LedgerEntry).position
  const { watermark, server } = seen
  const asSeen = [storeId, server, watermark.epoch, watermark.sequence] as const
  const write = (statement: string, rows: readonly Row[]) =>
    database.$executeRawUnsafe(statement, JSON.stringify(rows), ...asSeen)
  const adjustments = adjustmentRows(entries)
  const results = await database.$transaction([
    database.$queryRawUnsafe('SELECT id FROM stores WHERE id = ? FOR UPDATE', storeId),
    write(insertLedger, ledgerRows(entries)),
    write(saveReservations, reservationRows(entries)),
    write(saveStock, stockRows(entries)),
    ...(adjustments.length > 0 ? [write(saveAdjustments, adjustments)] : []),
    database.$executeRawUnsafe(moveWatermark, to.epoch, to.sequence, ...asSeen),
  ])
  return results.at(-1) === 1
}

/** Joins rows to the store's row while it stands as the writer saw it: to nothing otherwise. */
const whileAsSeen = 'JOIN stores AS s ON s.id = ? AND s.server = ? AND s.epoch = ? AND s.sequence = ?'

const insertLedger = `
INSERT INTO ledger (store_id, epoch, sequence, line, kind, occurred_at, reservation_id, sku, quantity,
  available, held, sold, reason)
SELECT s.id, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
  epoch INT UNSIGNED PATH '$[0]',
  sequence BIGINT UNSIGNED PATH '$[1]',
  line TINYINT UNSIGNED PATH '$[2]',
  kind VARCHAR(16) PATH '$[3]',
  occurred_at DATETIME(3) PATH '$[4]',
  reservation_id CHAR(36) PATH '$[5]',
  sku VARCHAR(64) PATH '$[6]',
  quantity BIGINT PATH '$[7]',
  available BIGINT UNSIGNED PATH '$[8]',
  held BIGINT UNSIGNED PATH '$[9]',
  sold BIGINT UNSIGNED PATH '$[10]',
  reason VARCHAR(255) PATH '$[11]'
)) AS r ${whileAsSeen}
ON DUPLICATE KEY UPDATE line = VALUES(line)`

/** Columns are assigned from left to right, so the position is compared before it is assigned. */
function whenNewer(table: string, columns: readonly string[]): string {
  const newer = `VALUES(epoch) > ${table}.epoch OR (VALUES(epoch) = ${table}.epoch AND VALUES(sequence) > ${table}.sequence)`
  return [...columns, 'sequence']
    .map((column) => `${column} = IF(${newer}, VALUES(${column}), ${table}.${column})`)
    .concat(`epoch = GREATEST(${table}.epoch, VALUES(epoch))`)
    .join(',\n  ')
}

const saveReservations = `
INSERT INTO reservations (store_id, id, state, customer_id, order_id, \`lines\`, ttl_seconds,
  idempotency_key, payment_ref, reacquired, created_at, expires_at, closed_at, epoch, sequence)
SELECT s.id, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
  id CHAR(36) PATH '$[0]',
  state VARCHAR(16) PATH '$[1]',
  customer_id VARCHAR(128) PATH '$[2]',
  order_id VARCHAR(128) PATH '$[3]',
  items TEXT PATH '$[4]',
  ttl_seconds INT UNSIGNED PATH '$[5]',
  idempotency_key VARCHAR(255) PATH '$[6]',
  payment_ref VARCHAR(128) PATH '$[7]',
  reacquired TINYINT PATH '$[8]',
  created_at DATETIME(3) PATH '$[9]',
  expires_at DATETIME(3) PATH '$[10]',
  closed_at DATETIME(3) PATH '$[11]',
  epoch INT UNSIGNED PATH '$[12]',
  sequence BIGINT UNSIGNED PATH '$[13]'
)) AS r ${whileAsSeen}
ON DUPLICATE KEY UPDATE
  ${whenNewer('reservations', [
    ...['state', 'payment_ref', 'reacquired', 'expires_at', 'closed_at'],
    // These never change; an entry that corrects the reservation puts them right all the same.
    ...['customer_id', 'order_id', '`lines`', 'ttl_seconds', 'idempotency_key', 'created_at'],
  ])}`

const saveStock = `
INSERT INTO stock (store_id, sku, available, held, sold, epoch, sequence)
SELECT s.id, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
  sku VARCHAR(64) PATH '$[0]',
  available BIGINT UNSIGNED PATH '$[1]',
  held BIGINT UNSIGNED PATH '$[2]',
  sold BIGINT UNSIGNED PATH '$[3]',
  epoch INT UNSIGNED PATH '$[4]',
  sequence BIGINT UNSIGNED PATH '$[5]'
)) AS r ${whileAsSeen}
ON DUPLICATE KEY UPDATE
  ${whenNewer('stock', ['available', 'held', 'sold'])}`

const saveAdjustments = `
INSERT INTO adjustment_keys (store_id, idempotency_key, sku, quantity, reason, occurred_at)
SELECT s.id, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
  idempotency_key VARCHAR(255) PATH '$[0]',
  sku VARCHAR(64) PATH '$[1]',
  quantity BIGINT PATH '$[2]',
  reason VARCHAR(255) PATH '$[3]',
  occurred_at DATETIME(3) PATH '$[4]'
)) AS r ${whileAsSeen}
ON DUPLICATE KEY UPDATE sku = VALUES(sku), quantity = VALUES(quantity), reason = VALUES(reason),
  occurred_at = VALUES(occurred_at)`

const moveWatermark = `
UPDATE stores SET epoch = ?, sequence = ?, updated_at = CURRENT_TIMESTAMP(3)
WHERE id = ? AND server = ? AND epoch = ? AND sequence = ?`

type Row = readonly (string | number | null)[]

function ledgerRows(entries: readonly LedgerEntry[]): Row[] {
  const rows: Row[] = []
  for (const entry of entries) {
    const { epoch, sequence } = entry.position
    const occurredAt = formatTime(entry.occurredAtMs)
    for (const [index, line] of entry.lines.entries()) {
      rows.push([
        epoch,
        sequence,
        index,
        entry.kind,
        occurredAt,
        entry.reservation?.id ?? null,
        line.sku,
        line.quantity,
        line.available,
        line.held,
        line.sold,
        entry.reason ?? null,
      ])
    }
  }
  return rows
}

/** Each reservation once, as its newest entry left it, sorted so that writers lock in one order. */
function reservationRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { position, reservation } of entries) {
    if (!reservation) continue
    newest.set(reservation.id, [
      reservation.id,
      reservation.state,
      reservation.customerId,
      reservation.orderId ?? null,
      formatLines(reservation.lines),
      reservation.ttlSeconds,
      reservation.idempotencyKey ?? null,
      reservation.paymentRef ?? null,
      reservation.reacquired ? 1 : 0,
      formatTime(reservation.createdAtMs),
      formatTime(reservation.expiresAtMs),
      reservation.closedAtMs === undefined ? null : formatTime(reservation.closedAtMs),
      position.epoch,
      position.sequence,
    ])
  }
  return sortByKey(newest)
}

/** Each SKU once, with the counts its newest entry left. */
function stockRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { position, lines } of entries) {
    for (const { sku, available, held, sold } of lines) {
      newest.set(sku, [sku, available, held, sold, position.epoch, position.sequence])
    }
  }
  return sortByKey(newest)
}

/** Each idempotency key once, with the newest adjustment made under it. */
function adjustmentRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { idempotencyKey, lines, reason, occurredAtMs } of entries) {
    const line = lines[0]
    if (idempotencyKey === undefined || !line) continue
    newest.set(idempotencyKey, [
      idempotencyKey,
      line.sku,
      line.quantity,
      reason ?? null,
      formatTime(occurredAtMs),
    ])
  }
  return sortByKey(newest)
}

function sortByKey(rows: Map<string, Row>): Row[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** Milliseconds since 1970 as DATETIME(3) in UTC: `2026-12-12 12:12:12.120`. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace('T', ' ')
}
