import type { Redis } from 'ioredis'
import type { Position } from '../domain/position.js'
import { parseRecord, type Reservation } from '../domain/reservation.js'
import { parseCounts, type Stock } from '../domain/stock.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { loadScript, runScript } from './scripts.js'

/** The memory of a Redis server. */
export interface RedisMemory {
  /** What counts towards `maxmemory`, as Redis itself counts it when it decides that it is full. */
  usedBytes: number
  /** Its `maxmemory`; 0: none is set. */
  maxBytes: number
}

export interface StockPage {
  items: Stock[]
  /** Undefined when Redis holds nothing of the store. */
  position: Position | undefined
}

/** Reads of a store that change nothing. They reject when Redis fails. */
export class StockReader {
  private readonly keys: StoreKeys
  private readonly count = loadScript('count')

  constructor(
    private readonly redis: Redis,
    readonly store: string,
  ) {
    this.keys = storeKeys(store)
  }

  async reservation(id: string): Promise<Reservation | undefined> {
    const record = await this.redis.hget(this.keys.reservations, id)
    return record === null ? undefined : parseRecord(id, record)
  }

  /** The counts of SKUs, without those that do not exist, and the position they are true at. */
  async stock(skus: readonly string[]): Promise<StockPage> {
    const keys = [this.keys.position, this.keys.stock]
    const [epoch, sequence, ...counts] = await runScript(this.redis, this.count, keys, skus)
    const items = skus.flatMap((sku, i) => (counts[i] ? [readStock(sku, counts[i])] : []))
    return { items, position: readPosition(epoch, sequence) }
  }

  /** The stock of up to `limit` SKUs in order, beginning after the SKU `after` ('' for the first). */
  async list(after: string, limit: number): Promise<StockPage> {
    const from = after === '' ? '-' : `(${after}`
    return this.stock(await this.redis.zrange(this.keys.skus, from, '+', 'BYLEX', 'LIMIT', 0, limit))
  }

  /** The position of the newest ledger entry; undefined when Redis holds nothing of the store. */
  async position(): Promise<Position | undefined> {
    const [epoch, sequence] = await this.redis.hmget(this.keys.position, 'epoch', 'sequence')
    return readPosition(epoch, sequence)
  }

  /** Of the server, which other stores may share. Costs Redis some 10 us. */
  async memory(): Promise<RedisMemory> {
    const info = await this.redis.info('memory')
    const figure = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
    return {
      usedBytes: figure('used_memory') - figure('mem_not_counted_for_evict'),
      maxBytes: figure('maxmemory'),
    }
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

function readPosition(epoch?: string | null, sequence?: string | null): Position | undefined {
  return epoch && sequence ? { epoch: Number(epoch), sequence: Number(sequence) } : undefined
}

function readStock(sku: string, text: string): Stock {
  const counts = parseCounts(text)
  if (!counts) throw new Error(`the counts of ${sku} in Redis are malformed`)
  return { sku, ...counts }
}
