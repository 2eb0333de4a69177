import type { Redis } from 'ioredis'
import type { RefusalCode } from '../domain/outcomes.js'
import { type Position, parsePosition } from '../domain/position.js'
import type { ReservationRecord } from '../domain/reservation.js'
import { endLease, takeLease } from './lease.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'

/** The store cannot be read or changed as long as this is so. */
export class StoreClosedError extends Error {
  constructor(readonly refused: Extract<RefusalCode, 'store-fenced' | 'redis-unavailable' | 'memory-full'>) {
    super(refused)
  }
}

/** A part of a store, all of it the state right after the entry at `position`. */
export interface Survey<Item> {
  position: Position
  items: Item[]
}

/** A SKU in Redis; the texts are as Redis holds them, '' for what it does not hold. */
export interface SurveyedSku {
  sku: string
  counts: string
  listed: boolean
}

/** A reservation in Redis; the texts are as Redis holds them, '' for what it does not hold. */
export interface SurveyedReservation {
  id: string
  record: string
  /** Its score in the set of deadlines. */
  deadline: string
  /** Its score in the set of ended reservations. */
  finished: string
  /** The reservation that its idempotency key leads to, if it has one. */
  maker: string
}

/**
 * Reads a store in parts, each together with the position it is at, so that it can be compared with
 * what MySQL holds at that very position. A scan meets everything that is there from its begin to
 * its end; what comes or goes meanwhile may be met or not, and an item may be met twice.
 *
 * Every method rejects with StoreClosedError while the store is fenced or Redis is away.
 */
export class StoreSurvey {
  private readonly scripts: StoreScripts

  constructor(
    private readonly redis: Redis,
    readonly store: string,
  ) {
    this.scripts = new StoreScripts(redis, store)
  }

  /** The run id of the Redis server that is read. */
  async server(): Promise<string> {
    return this.scripts.runId().catch(() => {
      throw new StoreClosedError('redis-unavailable')
    })
  }

  /** One run compares a store at a time; a lease, for nothing that must be right depends on it. */
  async takeLease(owner: string, leaseMs: number): Promise<boolean> {
    return takeLease(this.redis, this.scripts.keys.reconciler, owner, leaseMs).catch(() => {
      throw new StoreClosedError('redis-unavailable')
    })
  }

  /** A lease that cannot be ended now ends by itself. */
  async endLease(owner: string): Promise<void> {
    await endLease(this.redis, this.scripts.keys.reconciler, owner).catch(() => {})
  }

  async *scanSkus(count: number): AsyncGenerator<Survey<SurveyedSku>> {
    for await (const { position, values } of this.scan('stock', 'scan', count)) {
      yield { position, items: readSkus(values) }
    }
  }

  /** The ids of all reservations there are records of. */
  async *scanIds(count: number): AsyncGenerator<string[]> {
    for await (const { values } of this.scan('reservations', 'ids', count)) yield values
  }

  /** @param pointers one of the two sets that point at reservations. */
  async *scanPointers(
    pointers: 'deadlines' | 'finished',
    count: number,
  ): AsyncGenerator<Survey<SurveyedReservation>> {
    for await (const { position, values } of this.scan(pointers, 'scan', count)) {
      yield { position, items: readReservations(values) }
    }
  }

  async skus(names: readonly string[]): Promise<Survey<SurveyedSku>> {
    const { position, values } = await this.read('stock', 'names', ...names)
    return { position, items: readSkus(values) }
  }

  /** Of these SKUs, those that Redis has no counts of. */
  async missingSkus(names: readonly string[]): Promise<Survey<SurveyedSku>> {
    const { position, values } = await this.read('stock', 'missing', ...names)
    return { position, items: readSkus(values) }
  }

  async reservations(ids: readonly string[]): Promise<Survey<SurveyedReservation>> {
    const { position, values } = await this.read('reservations', 'names', ...ids)
    return { position, items: readReservations(values) }
  }

  /**
   * Of reservations that should be held with these records, those that are not, or that Redis does not point
   * at as it should.
   */
  async unlike(open: readonly ReservationRecord[]): Promise<Survey<SurveyedReservation>> {
    const given = open.flatMap(({ id, record }) => [id, record])
    const { position, values } = await this.read('reservations', 'unlike', ...given)
    return { position, items: readReservations(values) }
  }

  /** How many records there are, and how many deadlines and ends point at them. */
  async sizes(): Promise<{ position: Position; reservations: number; deadlines: number; finished: number }> {
    const { position, values } = await this.read('sizes')
    const [reservations, deadlines, finished] = values.map(Number) as [number, number, number]
    return { position, reservations, deadlines, finished }
  }

  /** How many SKUs are listed. */
  async skuCount(): Promise<number> {
    return this.redis.zcard(this.scripts.keys.skus).catch(() => {
      throw new StoreClosedError('redis-unavailable')
    })
  }

  private async *scan(
    what: string,
    source: 'scan' | 'ids',
    count: number,
  ): AsyncGenerator<{ position: Position; values: string[] }> {
    let cursor = '0'
    do {
      const part = await this.read(what, source, cursor, count)
      yield part
      cursor = part.cursor
    } while (cursor !== '0')
  }

  private async read(
    ...args: (string | number)[]
  ): Promise<{ position: Position; cursor: string; values: string[] }> {
    const reply = await this.scripts.run('survey', args)
    const [at = '', cursor, ...values] = reply
    if (at === 'store-fenced' || at === 'redis-unavailable') throw new StoreClosedError(at)
    const position = parsePosition(at)
    if (!position || cursor === undefined) throw new BrokenScriptError(`survey answered ${at}`)
    return { position, cursor, values }
  }
}

function readSkus(values: readonly string[]): SurveyedSku[] {
  const items: SurveyedSku[] = []
  for (let i = 0; i < values.length; i += 3) {
    items.push({
      sku: values[i] as string,
      counts: values[i + 1] as string,
      listed: values[i + 2] === 'listed',
    })
  }
  return items
}

function readReservations(values: readonly string[]): SurveyedReservation[] {
  const items: SurveyedReservation[] = []
  for (let i = 0; i < values.length; i += 5) {
    const [id, record, deadline, finished, maker] = values.slice(i, i + 5) as [
      string,
      string,
      string,
      string,
      string,
    ]
    items.push({ id, record, deadline, finished, maker })
  }
  return items
}
