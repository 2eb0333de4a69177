import type { Database } from '../../../src/ledger/database.js'

/** The checker's own words for what MySQL holds; it shares no code with the product but the client. */
export interface Counts {
  available: number
  held: number
  sold: number
}

export interface LedgerEntry {
  position: string
  epoch: number
  sequence: number
  kind: string
  occurredAtMs: number
  reservationId: string | undefined
  reason: string | undefined
  /** The units moved of each SKU, and its counts right after. */
  lines: (Counts & { sku: string; quantity: number })[]
}

/** A reservation's row, as it ended up. */
export interface ReservationRow {
  id: string
  state: string
  customerId: string
  ttlSeconds: number
  key: string | undefined
  paymentRef: string | undefined
}

export interface Ledger {
  entries: LedgerEntry[]
  reservations: ReadonlyMap<string, ReservationRow>
}

/** Reads all that MySQL holds of the only store in a database. */
export async function readLedger(database: Database): Promise<Ledger> {
  const lines = await database.ledgerLine.findMany({
    orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }, { line: 'asc' }],
  })
  const entries: LedgerEntry[] = []
  for (const row of lines) {
    const position = `${row.epoch}-${row.sequence}`
    let entry = entries.at(-1)
    if (entry?.position !== position) {
      entry = {
        position,
        epoch: row.epoch,
        sequence: Number(row.sequence),
        kind: row.kind,
        occurredAtMs: row.occurredAt.getTime(),
        reservationId: row.reservationId ?? undefined,
        reason: row.reason ?? undefined,
        lines: [],
      }
      entries.push(entry)
    }
    const { sku, quantity, available, held, sold } = row
    entry.lines.push({
      sku,
      quantity: Number(quantity),
      available: Number(available),
      held: Number(held),
      sold: Number(sold),
    })
  }
  const rows = await database.reservation.findMany()
  const reservations = rows.map(({ id, state, customerId, ttlSeconds, idempotencyKey, paymentRef }) => ({
    id,
    state,
    customerId,
    ttlSeconds,
    key: idempotencyKey ?? undefined,
    paymentRef: paymentRef ?? undefined,
  }))
  return { entries, reservations: new Map(reservations.map((row) => [row.id, row])) }
}
