import { describe, expect, inject } from 'vitest'
import { formatPosition } from '../../src/domain/position.js'
import { connectBlockingRedis } from '../../src/stock/connection.js'
import { followLedger, type TailRecord } from '../../src/stock/ledger-tail.js'
import { scriptTest } from '../support/script-store.js'
import { eventually } from '../support/test-store.js'

/** Somebody who follows the store's ledger and can look away. */
const test = scriptTest.extend<{ follower: Follower }>({
  follower: async ({ store }, use) => {
    const follower = new Follower()
    const limits = { connectTimeoutMs: 10_000, commandTimeoutMs: 5000 }
    const connect = async () => {
      const waiting = await connectBlockingRedis(inject('redisUrl'), limits)
      follower.connection = await waiting.client('ID')
      return waiting
    }
    const begins = () => {
      follower.beginnings++
    }
    const { signal } = follower.over
    const following = follower.follow(followLedger(store.redis, connect, store.name, begins, signal))
    await eventually(() => follower.beginnings === 1, 'it has begun')
    await use(follower)
    follower.over.abort()
    follower.lookAt()
    await following
  },
})

class Follower {
  beginnings = 0
  /** The id that Redis has given to the connection that waits. */
  connection = 0
  readonly records: TailRecord[] = []
  readonly over = new AbortController()
  private looking: Promise<void> = Promise.resolve()
  private look = () => {}

  get positions(): string[] {
    return this.records.map(({ position }) => formatPosition(position))
  }

  async follow(parts: AsyncIterable<TailRecord[]>): Promise<void> {
    for await (const part of parts) {
      this.records.push(...part)
      await this.looking
    }
  }

  /** Takes no more than one part from now on. */
  lookAway(): void {
    this.looking = new Promise((resolve) => {
      this.look = resolve
    })
  }

  lookAt(): void {
    this.look()
    this.looking = Promise.resolve()
  }
}

describe('who follows the ledger', () => {
  test('sees what is written from then on, and nothing of before', async ({ store, follower }) => {
    await store.setStock({ cup: 10, hat: 5 })
    await store.hold('r1', 'cup:1')
    await eventually(() => follower.records.length === 3, 'it has come')
    expect(follower.positions).toEqual(['1-1', '1-2', '1-3'])
    expect(follower.records.map(({ missed }) => missed)).toEqual([0, 0, 0])
    expect(follower.records[2]?.entries.map((text) => text.split('\t', 3))).toEqual([
      ['reserve', 'r1', 'cup:1:9:1:0'],
    ])
  })

  test('is told how much was trimmed while it looked away', async ({ store, follower }) => {
    await store.setStock({ cup: 10 })
    await eventually(() => follower.records.length === 1, 'it has come')
    follower.lookAway()
    await store.setStock({ a: 1 })
    await eventually(() => follower.records.length === 2, 'it has come')
    await store.setStock({ b: 1, c: 1, d: 1, e: 1 })
    await store.redis.xtrim(store.keys.ledger, 'MINID', '1-6')
    follower.lookAt()
    await eventually(() => follower.records.length === 3, 'the rest has come')
    expect(follower.positions).toEqual(['1-1', '1-2', '1-6'])
    expect(follower.records[2]?.missed).toBe(3)
  })

  test('begins anew at the end when its connection was lost', async ({ store, follower }) => {
    await store.setStock({ cup: 10 })
    await eventually(() => follower.records.length === 1, 'it has come')
    await store.redis.client('KILL', 'ID', follower.connection)
    await eventually(() => follower.beginnings === 2, 'it has begun again')
    await store.setStock({ hat: 1 })
    await eventually(() => follower.positions.includes('1-2'), 'it goes on')
  })

  test('goes on in a new epoch, of which nothing is known to be missed', async ({ store, follower }) => {
    await store.setStock({ cup: 10 })
    await eventually(() => follower.records.length === 1, 'it has come')
    await store.redis.hset(store.keys.position, 'epoch', 2)
    await store.setStock({ cup: 11 })
    await eventually(() => follower.records.length === 2, 'it has come')
    expect(follower.positions).toEqual(['1-1', '2-2'])
    expect(follower.records[1]?.missed).toBe('unknown')
  })

  test('begins anew, and does not read again without end, when somebody else wrote a record', async ({
    store,
    follower,
  }) => {
    await store.redis.xadd(store.keys.ledger, '*', 'a', 'b')
    const startedAtMs = performance.now()
    await eventually(() => follower.beginnings >= 3, 'it has begun again and again')
    expect(performance.now() - startedAtMs).toBeGreaterThan(400)
  })
})
