import { describe, expect } from 'vitest'
import { type StockPage, StockReader } from '../../src/stock/stock-reader.js'
import { scriptTest } from '../support/script-store.js'

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
    await expect(reader.stock(['cup'])).rejects.toThrow('the counts of cup in Redis are malformed')
  })
})
