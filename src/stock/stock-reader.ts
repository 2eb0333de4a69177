import type { Redis } from 'ioredis'
import type { Position } from '../domain/position.js'
import { parseRecord, type Reservation } from '../domain/reservation.js'
import { parseCounts, type Stock } from '../domain/stock.js'
import { type StoreKeys, storeKeys } from './keys.js'

/** Reads of a store that change nothing. They reject when Redis fails. */
export class StockReader {
  private readonly keys: StoreKeys

  constructor(
    private readonly redis: Redis,
    store: string,
  ) {
    this.keys = storeKeys(store)
  }

  async reservation(id: string): Promise<Reservation | undefined> {
    const record = await this.redis.hget(this.keys.reservations, id)
    return record === null ? undefined : parseRecord(id, record)
  }

  async stock(sku: string): Promise<Stock | undefined> {
    const counts = await this.redis.hget(this.keys.stock, sku)
    return counts === null ? undefined : readStock(sku, counts)
  }

  /** The stock of up to `limit` SKUs in order, beginning after the SKU `after` ('' for the first). */
  async list(after: string, limit: number): Promise<Stock[]> {
    const from = after === '' ? '-' : `(${after}`
    const skus = await this.redis.zrange(this.keys.skus, from, '+', 'BYLEX', 'LIMIT', 0, limit)
    if (skus.length === 0) return []
    const counts = await this.redis.hmget(this.keys.stock, ...skus)
    return skus.flatMap((sku, i) => (counts[i] == null ? [] : [readStock(sku, counts[i])]))
  }

  /** The position of the newest ledger entry; undefined when Redis holds nothing of the store. */
  async position(): Promise<Position | undefined> {
    const [epoch, sequence] = await this.redis.hmget(this.keys.position, 'epoch', 'sequence')
    return epoch && sequence ? { epoch: Number(epoch), sequence: Number(sequence) } : undefined
  }

  /** How many reservations are held, and how many ms the oldest one is past its deadline. */
  async openReservations(): Promise<{ held: number; overdueMs: number }> {
    const [held, oldest, time] = await Promise.all([
      this.redis.zcard(this.keys.deadlines),
      this.redis.zrange(this.keys.deadlines, 0, '0', 'WITHSCORES') as Promise<string[]>,
      this.redis.time(),
    ])
    const nowMs = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000)
    const deadlineMs = oldest[1] === undefined ? nowMs : Number(oldest[1])
    return { held, overdueMs: Math.max(0, nowMs - deadlineMs) }
  }
}

function readStock(sku: string, text: string): Stock {
  const counts = parseCounts(text)
  if (!counts) throw new Error(`the counts of ${sku} in Redis are malformed`)
  return { sku, ...counts }
}
