import type { Redis } from 'ioredis'
import { describe, expect } from 'vitest'
import { type StockPage, StockReader } from '../../src/stock/stock-reader.js'
import { type ScriptStore, scriptTest } from '../support/script-store.js'

describe('the stock reader', () => {
  scriptTest('reads the counts of a SKU, and nothing of one that does not exist', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const position = { epoch: 1, sequence: 2 }
    const items = [{ sku: 'cup', available: 7, held: 3, sold: 0 }]
    expect(await reader.stock(['hat', 'cup', '__proto__'])).toEqual({ items, position })
    expect(await reader.stock(['hat'])).toEqual({ items: [], position })
    expect(await reader.stock([])).toEqual({ items: [], position })
  })

  scriptTest('reads a reservation, and nothing of one that does not exist', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const found = { reservation: { id: 'r1', state: 'held' }, server: store.server }
    expect(await reader.reservation('r1')).toMatchObject(found)
    const position = { epoch: 1, sequence: 2 }
    expect(await reader.reservation('r2')).toEqual({ refused: 'unknown-reservation', position })
  })

  scriptTest('lists SKUs in order of their bytes, a page at a time', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.setStock({ b: 1, B: 2, a: 3, '10': 4, '9': 5, '-x': 6, 'a.b': 7 })
    const skus = async (after: string, limit: number) =>
      ((await reader.list(after, limit)) as StockPage).items.map(({ sku }) => sku)
    expect(await skus('', 100)).toEqual(['-x', '10', '9', 'B', 'a', 'a.b', 'b'])
    expect(await skus('', 2)).toEqual(['-x', '10'])
    expect(await skus('10', 2)).toEqual(['9', 'B'])
    expect(await skus('a.a', 9)).toEqual(['a.b', 'b'])
    expect(await skus('b', 2)).toEqual([])
  })

  scriptTest(
    'names every SKU of a page whose counts cannot be read, and what mends them',
    async ({ store }) => {
      const reader = new StockReader(store.redis, store.name)
      await store.setStock({ a: 1, b: 2, c: 3, d: 4 })
      await store.redis.hset(store.keys.stock, 'b', '2 0', 'd', 'x')
      const named = 'the counts of b, d in Redis cannot be read; "holdfast reconcile --repair" corrects them'
      await expect(reader.list('', 100)).rejects.toThrow(named)
      await expect(reader.stock(['a', 'b', 'd'])).rejects.toThrow(named)
      expect(await reader.list('b', 1)).toMatchObject({ items: [{ sku: 'c', available: 3 }] })
    },
  )

  scriptTest('lists the SKUs with a prefix alone, wherever the page begins', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.setStock({ a: 1, ab: 1, 'ab-': 1, 'ab.c': 1, ab_: 1, abz: 1, ac: 1, aB: 1, b: 1 })
    const skus = async (after: string, prefix: string, limit = 100) =>
      ((await reader.list(after, limit, prefix)) as StockPage).items.map(({ sku }) => sku)
    expect(await skus('', 'ab')).toEqual(['ab', 'ab-', 'ab.c', 'ab_', 'abz'])
    expect(await skus('', 'ab', 2)).toEqual(['ab', 'ab-'])
    expect(await skus('ab-', 'ab', 2)).toEqual(['ab.c', 'ab_'])
    expect(await skus('ab_', 'ab', 2)).toEqual(['abz'])
    expect(await skus('abz', 'ab')).toEqual([])
    // A cursor of another list is before or behind all that is searched for.
    expect(await skus('a', 'ab', 2)).toEqual(['ab', 'ab-'])
    expect(await skus('b', 'ab')).toEqual([])
    expect(await skus('ab.b', 'ab', 1)).toEqual(['ab.c'])
    expect(await skus('', 'b')).toEqual(['b'])
    expect(await skus('', 'abz')).toEqual(['abz'])
    expect(await skus('', 'abzz')).toEqual([])
    expect(await skus('', 'Ab')).toEqual([])
  })

  scriptTest('asks as much of Redis for a page of 100,000 SKUs as of 300', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    /** Of a page in the middle of the list, and of one in the middle of a search. */
    const commands = async () => {
      const counted = countCommands(store.redis)
      const [list, search] = [await reader.list('SKU-000100', 100), await reader.list('', 100, 'SKU-0001')]
      expect([(list as StockPage).items.length, (search as StockPage).items.length]).toEqual([100, 100])
      return counted()
    }
    await addStock(store, 300)
    await commands()
    const few = await commands()
    await addStock(store, 100_000)
    expect(await commands()).toEqual(few)
    expect(few).toEqual(['evalsha', 'evalsha'])
    const found = (await reader.list('SKU-099998', 9, 'SKU-09999')) as StockPage
    expect(found.items.map(({ sku }) => sku)).toEqual(['SKU-099999'])
  })

  scriptTest('tells how long the first entry after a position has waited', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    const start = { epoch: 1, sequence: 0 }
    expect(await reader.waitingMs(start)).toBe(0)
    await store.redis.xadd(store.keys.ledger, '1-1', 'time', (await store.nowMs()) - 5000, 'entry', 'x')
    await store.redis.xadd(store.keys.ledger, '1-2', 'time', await store.nowMs(), 'entry', 'x')
    const waitingMs = await reader.waitingMs(start)
    expect(waitingMs).toBeGreaterThanOrEqual(5000)
    expect(waitingMs).toBeLessThan(15_000)
    expect(await reader.waitingMs({ epoch: 1, sequence: 1 })).toBeLessThan(5000)
    expect(await reader.waitingMs({ epoch: 1, sequence: 2 })).toBe(0)
  })

  scriptTest('lists every SKU that there was at the position it names', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.setStock({ sku0: 1 })
    for (let i = 1; i <= 50; i++) {
      // Sent together: a page that is read in two steps is of before and after.
      const [page] = await Promise.all([reader.list('', 100), store.setStock({ [`sku${i}`]: 1 })])
      const { items, position } = page as StockPage
      expect(items).toHaveLength(position.sequence)
    }
  })

  scriptTest('knows the position of the newest entry', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    expect(await reader.position()).toEqual({ epoch: 1, sequence: 0 })
    await store.setStock({ cup: 1, hat: 1 })
    expect(await reader.position()).toEqual({ epoch: 1, sequence: 2 })
    await store.remove()
    expect(await reader.position()).toBeUndefined()
  })

  scriptTest('tells how many are held and how late the oldest one is', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    expect(await reader.openReservations()).toEqual({ held: 0, overdueMs: 0 })
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1')
    await store.hold('r2', 'cup:1')
    expect(await reader.openReservations()).toEqual({ held: 2, overdueMs: 0 })
    await store.makeOverdue('r2', 5000)
    const { held, overdueMs } = await reader.openReservations()
    expect(held).toBe(2)
    expect(overdueMs).toBeGreaterThanOrEqual(5000)
    expect(overdueMs).toBeLessThan(15_000)
  })

  scriptTest('fails when the counts are not counts', async ({ store }) => {
    const reader = new StockReader(store.redis, store.name)
    await store.redis.hset(store.keys.stock, 'cup', '1 2')
    await expect(reader.stock(['cup'])).rejects.toThrow('the counts of cup in Redis cannot be read')
  })
})

/** SKU-000000 and so on, as the scripts would have written them one by one. */
async function addStock(store: ScriptStore, count: number): Promise<void> {
  const skus = Array.from({ length: count }, (_, i) => `SKU-${String(i).padStart(6, '0')}`)
  for (let i = 0; i < count; i += 1000) {
    const part = skus.slice(i, i + 1000)
    await store.redis
      .pipeline()
      .hset(store.keys.stock, ...part.flatMap((sku) => [sku, '1 0 0']))
      .zadd(store.keys.skus, ...part.flatMap((sku) => [0, sku]))
      .exec()
  }
}

/** The names of the commands that are sent on a connection from now on. */
function countCommands(redis: Redis): () => string[] {
  const names: string[] = []
  const send = redis.sendCommand
  redis.sendCommand = (command, ...rest) => {
    names.push(command.name)
    return send.call(redis, command, ...rest)
  }
  return () => {
    redis.sendCommand = send
    return names
  }
}
