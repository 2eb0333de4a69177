import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { type EntryKind, entryKinds } from '../domain/ledger-entry.js'
import { isRefusal } from '../domain/outcomes.js'
import { comparePositions, type Position } from '../domain/position.js'
import { type Line, parseLines } from '../domain/reservation.js'
import type { Counts } from '../domain/stock.js'
import type { Database } from '../ledger/database.js'
import { StockReader } from '../stock/stock-reader.js'
import type { SaleItem } from './sale-plan.js'

/** What Redis and MySQL hold of a store after its sale, read behind the service's back. */
export interface HoldfastFacts {
  /** MySQL holds the whole ledger and no reservation is held any more. */
  settled: boolean
  /** Counts by SKU, from three sources. */
  redis: ReadonlyMap<string, Counts>
  mysql: ReadonlyMap<string, Counts>
  ledgerFold: ReadonlyMap<string, Counts>
  /** The carts of the confirmed reservations, the first confirmed first. */
  orders: Line[][]
  lowestCounts: ReadonlyMap<string, number>
  holdsExpired: number
  /** Units that were sold after a hold on them had expired. */
  unitsSoldAgain: number
  /** Reservations beyond the first of their idempotency key. */
  duplicates: number
}

const settleTimeoutMs = 20_000
const settlePauseMs = 100

export class HoldfastFactsReader {
  private readonly reader: StockReader

  constructor(
    redis: Redis,
    private readonly database: Database,
    private readonly store: string,
  ) {
    this.reader = new StockReader(redis, store)
  }

  async read(items: readonly SaleItem[], signal: AbortSignal): Promise<HoldfastFacts> {
    const settled = await this.settle(signal)
    const { id: storeId } = await this.database.store.findUniqueOrThrow({ where: { name: this.store } })
    const reservations = await this.database.reservation.findMany({
      where: { storeId },
      select: { id: true, state: true, lines: true, idempotencyKey: true },
      orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }],
    })
    const confirmed = reservations.filter(({ state }) => state === 'confirmed')
    const keys = new Set(reservations.map(({ idempotencyKey }) => idempotencyKey))
    return {
      settled,
      redis: bySku(await this.readStock(items.length + 1)),
      mysql: bySku(await this.readStockRows(storeId)),
      ...(await this.readLedgerFold(storeId)),
      orders: confirmed.map(({ lines }) => parseLines(lines) ?? []),
      holdsExpired: reservations.filter(({ state }) => state === 'expired').length,
      unitsSoldAgain: await this.readUnitsSoldAgain(storeId, items, new Set(confirmed.map(({ id }) => id))),
      duplicates: reservations.length - keys.size,
    }
  }

  /** @returns whether everything came to rest in time. */
  private async settle(signal: AbortSignal): Promise<boolean> {
    const deadlineMs = performance.now() + settleTimeoutMs
    while (performance.now() < deadlineMs) {
      const { held } = await this.reader.openReservations()
      const position = await this.reader.position()
      const watermark = await this.readWatermark()
      if (position && held === 0 && comparePositions(position, watermark) === 0) return true
      await delay(settlePauseMs, undefined, { signal })
    }
    return false
  }

  private async readWatermark(): Promise<Position> {
    const { epoch, sequence } = await this.database.store.findUniqueOrThrow({ where: { name: this.store } })
    return { epoch, sequence: Number(sequence) }
  }

  private async readStock(limit: number): Promise<({ sku: string } & Counts)[]> {
    const page = await this.reader.list('', limit)
    if (isRefusal(page)) throw new Error(`the stock cannot be read: ${page.refused}`)
    return page.items
  }

  private async readStockRows(storeId: number): Promise<({ sku: string } & Counts)[]> {
    const rows = await this.database.stock.findMany({ where: { storeId } })
    return rows.map(({ sku, available, held, sold }) => ({
      sku,
      available: Number(available),
      held: Number(held),
      sold: Number(sold),
    }))
  }

  private async readLedgerFold(storeId: number): Promise<Pick<HoldfastFacts, 'ledgerFold' | 'lowestCounts'>> {
    const groups = await this.database.ledgerLine.groupBy({
      by: ['sku', 'kind'],
      where: { storeId },
      _sum: { quantity: true },
      _min: { available: true },
    })
    const ledgerFold = new Map<string, Counts>()
    const lowestCounts = new Map<string, number>()
    for (const { sku, kind, _sum, _min } of groups) {
      const sign = entryKinds[kind as EntryKind]
      const quantity = Number(_sum.quantity ?? 0)
      const counts = ledgerFold.get(sku) ?? { available: 0, held: 0, sold: 0 }
      ledgerFold.set(sku, {
        available: counts.available + sign.available * quantity,
        held: counts.held + sign.held * quantity,
        sold: counts.sold + sign.sold * quantity,
      })
      lowestCounts.set(sku, Math.min(Number(_min.available ?? 0), lowestCounts.get(sku) ?? Number.MAX_VALUE))
    }
    return { ledgerFold, lowestCounts }
  }

  private async readUnitsSoldAgain(
    storeId: number,
    items: readonly SaleItem[],
    confirmed: ReadonlySet<string>,
  ): Promise<number> {
    const holds = await this.database.ledgerLine.findMany({
      where: { storeId, kind: 'reserve' },
      select: { reservationId: true, sku: true, quantity: true },
      orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }, { line: 'asc' }],
    })
    return countSoldAgain(
      items,
      holds.map(({ reservationId, sku, quantity }) => ({
        sku,
        quantity: Number(quantity),
        isSold: confirmed.has(reservationId ?? ''),
      })),
    )
  }
}

/**
 * Units of an item that were reserved after as many as were on sale had been reserved before can
 * only be units that came back. @returns how many of those were sold.
 */
export function countSoldAgain(
  items: readonly SaleItem[],
  holds: readonly (Line & { isSold: boolean })[],
): number {
  const fresh = new Map(items.map(({ sku, units }) => [sku, units]))
  let soldAgain = 0
  for (const { sku, quantity, isSold } of holds) {
    const left = fresh.get(sku) ?? 0
    const returned = Math.max(0, quantity - left)
    fresh.set(sku, Math.max(0, left - quantity))
    if (isSold) soldAgain += returned
  }
  return soldAgain
}

function bySku(rows: readonly ({ sku: string } & Counts)[]): Map<string, Counts> {
  return new Map(rows.map(({ sku, available, held, sold }) => [sku, { available, held, sold }]))
}
