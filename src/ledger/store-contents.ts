import {
  formatRecord,
  parseRecord,
  type Reservation,
  type UnreadableReservation,
} from '../domain/reservation.js'
import type { Stock } from '../domain/stock.js'
import { DamagedRowError, toReservation } from './ledger-queries.js'
import type { Reservation as ReservationRow } from './prisma-client/client.js'
import type { StoreLedger } from './store-ledger.js'

/** What a restore of Redis needs from MySQL, a page at a time. */

/** Every SKU's counts. */
export async function* stockPages(ledger: StoreLedger, pageSize: number): AsyncGenerator<Stock[]> {
  const storeId = await ledger.storeId()
  let after = ''
  for (;;) {
    const rows = await ledger.database.stock.findMany({
      where: { storeId, sku: { gt: after } },
      orderBy: { sku: 'asc' },
      take: pageSize,
    })
    if (rows.length > 0) {
      yield rows.map(({ sku, available, held, sold }) => ({
        sku,
        available: Number(available),
        held: Number(held),
        sold: Number(sold),
      }))
    }
    if (rows.length < pageSize) return
    after = rows.at(-1)?.sku as string
  }
}

/**
 * Every reservation that ended at or after `endedSince`, then every held one: an idempotency key that
 * was used again after it was forgotten belongs to the newer.
 *
 * @throws DamagedRowError for a held one, whose units nobody could give back. Of an ended one nothing moves
 *   any more, and it is no reason to keep a store closed.
 */
export async function* reservationPages(
  ledger: StoreLedger,
  endedSince: Date,
  pageSize: number,
): AsyncGenerator<(Reservation | UnreadableReservation)[]> {
  const storeId = await ledger.storeId()
  const { reservation } = ledger.database
  let from = { closedAt: endedSince, id: '' }
  for (;;) {
    const rows = await reservation.findMany({
      where: {
        storeId,
        closedAt: { gte: from.closedAt },
        OR: [{ closedAt: { gt: from.closedAt } }, { id: { gt: from.id } }],
      },
      orderBy: [{ closedAt: 'asc' }, { id: 'asc' }],
      take: pageSize,
    })
    if (rows.length > 0) yield rows.map(readEnded)
    const last = rows.at(-1)
    if (rows.length < pageSize || !last?.closedAt) break
    from = { closedAt: last.closedAt, id: last.id }
  }
  let after = ''
  for (;;) {
    const rows = await reservation.findMany({
      where: { storeId, closedAt: null, id: { gt: after } },
      orderBy: { id: 'asc' },
      take: pageSize,
    })
    if (rows.length > 0) yield rows.map(toReservation)
    if (rows.length < pageSize) return
    after = rows.at(-1)?.id as string
  }
}

function readEnded(row: ReservationRow): Reservation | UnreadableReservation {
  try {
    const reservation = toReservation(row)
    const record = formatRecord(reservation)
    if (isOfEnded(reservation) && parseRecord(row.id, record) && !controlCharacter.test(record))
      return reservation
  } catch (error) {
    if (!(error instanceof DamagedRowError)) throw error
  }
  const { id, closedAt, idempotencyKey } = row
  return {
    state: 'unreadable',
    id,
    closedAtMs: closedAt?.getTime() ?? 0,
    idempotencyKey: idempotencyKey && !controlCharacter.test(idempotencyKey) ? idempotencyKey : undefined,
  }
}

/** Of an ended row that says `held`, the units would be given back a second time. */
function isOfEnded({ state }: Reservation): boolean {
  return state !== 'held'
}

/** No text of a record has one; TAB parts its fields. */
const controlCharacter = /[^\P{Cc}\t]/u

export interface KeyedAdjustment {
  idempotencyKey: string
  sku: string
  quantity: number
  reason: string | undefined
  occurredAtMs: number
}

/** The adjustments made under an idempotency key since then. */
export async function keyedAdjustments(ledger: StoreLedger, since: Date): Promise<KeyedAdjustment[]> {
  const storeId = await ledger.storeId()
  const rows = await ledger.database.adjustmentKey.findMany({
    where: { storeId, occurredAt: { gte: since } },
  })
  return rows.map(({ idempotencyKey, sku, quantity, reason, occurredAt }) => ({
    idempotencyKey,
    sku,
    quantity: Number(quantity),
    reason: reason ?? undefined,
    occurredAtMs: occurredAt.getTime(),
  }))
}
