import type { LedgerEntry } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import { formatLines } from '../domain/reservation.js'
import type { Database } from './database.js'

/**
 * Applies entries to MySQL and moves the store's watermark from `from` to the position of the last
 * of them, in one transaction.
 *
 * Each statement is safe to repeat and to run late: it carries whole states, and a row only ever
 * moves to a newer position. So a second writer, or a transaction of which the client lost track,
 * cannot take a row back. The watermark moves last, and only from where the caller saw it.
 *
 * Each statement takes all its rows as one JSON text: a call through Prisma costs far more than a
 * row does.
 *
 * @returns false when the watermark was elsewhere: another writer has been at work.
 */
export async function applyEntries(
  database: Database,
  storeId: number,
  from: Position,
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  const to = (entries.at(-1) as LedgerEntry).position
  const reservations = reservationRows(entries)
  const [, , , , moved] = await database.$transaction([
    database.$queryRawUnsafe('SELECT id FROM stores WHERE id = ? FOR UPDATE', storeId),
    database.$executeRawUnsafe(insertLedger, storeId, JSON.stringify(ledgerRows(entries))),
    database.$executeRawUnsafe(saveReservations, storeId, JSON.stringify(reservations)),
    database.$executeRawUnsafe(saveStock, storeId, JSON.stringify(stockRows(entries))),
    database.$executeRawUnsafe(moveWatermark, to.epoch, to.sequence, storeId, from.epoch, from.sequence),
  ])
  return moved === 1
}

const insertLedger = `
INSERT INTO ledger (store_id, epoch, sequence, line, kind, occurred_at, reservation_id, sku, quantity,
  available, held, sold, reason, idempotency_key)
SELECT ?, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
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
  reason VARCHAR(255) PATH '$[11]',
  idempotency_key VARCHAR(255) PATH '$[12]'
)) AS r
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
SELECT ?, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
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
)) AS r
ON DUPLICATE KEY UPDATE
  ${whenNewer('reservations', ['state', 'payment_ref', 'reacquired', 'expires_at', 'closed_at'])}`

const saveStock = `
INSERT INTO stock (store_id, sku, available, held, sold, epoch, sequence)
SELECT ?, r.* FROM JSON_TABLE(?, '$[*]' COLUMNS (
  sku VARCHAR(64) PATH '$[0]',
  available BIGINT UNSIGNED PATH '$[1]',
  held BIGINT UNSIGNED PATH '$[2]',
  sold BIGINT UNSIGNED PATH '$[3]',
  epoch INT UNSIGNED PATH '$[4]',
  sequence BIGINT UNSIGNED PATH '$[5]'
)) AS r
ON DUPLICATE KEY UPDATE
  ${whenNewer('stock', ['available', 'held', 'sold'])}`

const moveWatermark = `
UPDATE stores SET epoch = ?, sequence = ?, updated_at = CURRENT_TIMESTAMP(3)
WHERE id = ? AND epoch = ? AND sequence = ?`

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
        entry.idempotencyKey ?? null,
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

function sortByKey(rows: Map<string, Row>): Row[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** Milliseconds since 1970 as DATETIME(3) in UTC: `2026-12-12 12:12:12.120`. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replace('T', ' ')
}
