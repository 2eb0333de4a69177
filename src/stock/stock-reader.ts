import type { Redis } from 'ioredis'
import type { Refusal } from '../domain/outcomes.js'
import { formatPosition, type Position, parsePosition } from '../domain/position.js'
import { parseRecord } from '../domain/reservation.js'
import { parseCounts, type Stock } from '../domain/stock.js'
import type { ReservationOn } from './gate.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'

/** The memory of a Redis server. */
export interface RedisMemory {
  /** What counts towards `maxmemory`, as Redis itself counts it when it decides that it is full. */
  usedBytes: number
  /** Its `maxmemory`; 0: none is set. */
  maxBytes: number
}

export interface StockPage {
  items: Stock[]
  position: Position
}

/** Reads of a store that change nothing. Where they do not say otherwise they reject when Redis fails. */
export class StockReader {
  private readonly keys: StoreKeys
  private readonly scripts: StoreScripts

  constructor(
    private readonly redis: Redis,
    readonly store: string,
  ) {
    this.keys = storeKeys(store)
    this.scripts = new StoreScripts(redis, store)
  }

  /**
   * A reservation, and the server it was read from. An unknown one, a store that is fenced and a Redis
   * that does not answer are refusals.
   */
  async reservation(id: string): Promise<ReservationOn | Refusal> {
    const { replies, server } = await this.scripts.runOnServer('read', [id])
    const [at = '', record] = replies
    const position = parsePosition(at)
    if (!position) return unread(at)
    if (!record) return { refused: 'unknown-reservation', position }
    const reservation = parseRecord(id, record)
    if (!reservation) throw new BrokenScriptError(`reservation ${id} has a malformed record`)
    return { reservation, server }
  }

  /**
   * The counts of SKUs, without those that do not exist, and the position they are true at. A store that
   * is fenced and a Redis that does not answer are refusals.
   */
  async stock(skus: readonly string[]): Promise<StockPage | Refusal> {
    const [at = '', ...counts] = await this.scripts.run('count', skus)
    const position = parsePosition(at)
    if (!position) return unread(at)
    return {
      items: readPage(skus.flatMap((sku, i) => (counts[i] ? [[sku, counts[i]] as const] : []))),
      position,
    }
  }

  /**
   * The stock of up to `limit` SKUs in order, beginning after the SKU `after` ('' for the first), of those
   * that begin with `prefix`. Redis finds the first one in the order and reads on from there.
   */
  async list(after: string, limit: number, prefix = ''): Promise<StockPage | Refusal> {
    const from = after !== '' && after >= prefix ? `(${after}` : prefix === '' ? '-' : `[${prefix}`
    // Every character of a SKU comes before this one.
    const to = prefix === '' ? '+' : `(${prefix}\x7f`
    const [at = '', ...listed] = await this.scripts.run('list', [from, to, limit])
    const position = parsePosition(at)
    if (!position) return unread(at)
    const rows: [string, string][] = []
    for (let i = 0; i + 1 < listed.length; i += 2) {
      rows.push([listed[i] as string, listed[i + 1] as string])
    }
    return { items: readPage(rows), position }
  }

  skuCount(): Promise<number> {
    return this.redis.zcard(this.keys.skus)
  }

  /** How many ms ago the first entry after the position was written; 0 when there is none. */
  async waitingMs(after: Position): Promise<number> {
    const [records, time] = await Promise.all([
      this.redis.xrange(this.keys.ledger, `(${formatPosition(after)}`, '+', 'COUNT', 1),
      this.redis.time(),
    ])
    const writtenMs = Number(records[0]?.[1][1])
    return Number.isFinite(writtenMs) ? Math.max(0, toMs(time) - writtenMs) : 0
  }

  /** How many SKUs there are. */
  async size(): Promise<number> {
    return this.redis.zcard(this.keys.skus)
  }

  /** The position of the newest ledger entry; undefined when Redis holds nothing of the store. */
  async position(): Promise<Position | undefined> {
    const [epoch, sequence] = await this.redis.hmget(this.keys.position, 'epoch', 'sequence')
    return epoch && sequence ? { epoch: Number(epoch), sequence: Number(sequence) } : undefined
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
    const nowMs = toMs(time)
    const deadlineMs = oldest[1] === undefined ? nowMs : Number(oldest[1])
    return { held, overdueMs: Math.max(0, nowMs - deadlineMs) }
  }
}

/** Redis' TIME: seconds and microseconds. */
function toMs([seconds, micros]: readonly (string | number)[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/** What a script answered instead of a position. */
function unread(outcome: string): Refusal {
  if (outcome === 'store-fenced' || outcome === 'redis-unavailable') return { refused: outcome }
  throw new BrokenScriptError(`unknown outcome ${outcome}`)
}

/** @throws Error which names all SKUs whose counts cannot be read: a page without them would be wrong. */
function readPage(rows: readonly (readonly [sku: string, counts: string])[]): Stock[] {
  const items: Stock[] = []
  const unreadable: string[] = []
  for (const [sku, text] of rows) {
    const counts = parseCounts(text)
    if (counts) items.push({ sku, ...counts })
    else unreadable.push(sku)
  }
  if (unreadable.length > 0) {
    throw new Error(
      `the counts of ${unreadable.join(', ')} in Redis cannot be read; "holdfast reconcile --repair" corrects them`,
    )
  }
  return items
}
