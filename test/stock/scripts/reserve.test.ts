import { describe, expect } from 'vitest'
import { parseRecord } from '../../../src/domain/reservation.js'
import { request, scriptTest } from '../../support/script-store.js'

describe('reserve', () => {
  scriptTest(
    'moves units from available to held and answers with the time and the position before',
    async ({ store }) => {
      await store.setStock({ cup: 10, hat: 5 })
      const before = await store.nowMs()
      const [header, outcome] = await store.run(
        ...(['reserve', 'r1', 'key-1', request('cup:3,hat:5', 60, 'Ann', 'order-1')] as const),
      )
      expect(outcome).toBe('reserved')
      const reservation = parseRecord('r1', (await store.record('r1')).join('\t'))
      expect(header).toBe(`${reservation?.createdAtMs}\t1\t2`)
      expect(reservation).toMatchObject({
        state: 'held',
        position: { epoch: 1, sequence: 3 },
        closedAtMs: undefined,
        reacquired: false,
        paymentRef: undefined,
        idempotencyKey: 'key-1',
        ttlSeconds: 60,
        lines: [
          { sku: 'cup', quantity: 3 },
          { sku: 'hat', quantity: 5 },
        ],
        customerId: 'Ann',
        orderId: 'order-1',
      })
      expect(reservation?.createdAtMs).toBeGreaterThanOrEqual(before)
      expect(reservation?.createdAtMs).toBeLessThanOrEqual(await store.nowMs())
      expect(reservation?.expiresAtMs).toBe((reservation?.createdAtMs ?? 0) + 60_000)
      expect(await store.counts('cup')).toBe('7 3 0')
      expect(await store.counts('hat')).toBe('0 5 0')
      expect(await store.redis.zscore(store.keys.deadlines, 'r1')).toBe(String(reservation?.expiresAtMs))
      expect(await store.redis.hget(store.keys.keys, 'key-1')).toBe('r1')
      expect(await store.ledger()).toEqual([
        'set cup:10:10:0:0',
        'set hat:5:5:0:0',
        'reserve r1 cup:3:7:3:0,hat:5:0:5:0',
      ])
    },
  )

  scriptTest('gives the last unit to one of two calls of a batch', async ({ store }) => {
    await store.setStock({ cup: 1 })
    const replies = await store.reserve('r1', '', request('cup:1'), 'r2', '', request('cup:1'))
    expect(replies[0]).toBe('reserved')
    expect(replies[1]).toBe('insufficient-stock\tcup:1:0')
    expect(await store.counts('cup')).toBe('0 1 0')
  })

  scriptTest('names every short line with what is asked for and what is available', async ({ store }) => {
    await store.setStock({ cup: 2, hat: 9, tie: 0 })
    const before = await store.dump()
    expect(await store.reserve('r1', 'k', request('cup:3,hat:9,tie:1'))).toEqual([
      'insufficient-stock\tcup:3:2,tie:1:0',
    ])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('names every unknown SKU, before any short line', async ({ store }) => {
    await store.setStock({ cup: 1 })
    const before = await store.dump()
    expect(await store.reserve('r1', 'k', request('cup:2,fez:1,hat:1'))).toEqual(['unknown-sku\tfez,hat'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('replays a key: the first reservation as it is now, and no second one', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const record = await store.hold('r1', 'cup:2', { key: 'k' })
    const before = await store.dump()
    expect(await store.reserve('r2', 'k', request('cup:2'))).toEqual([`replayed\tr1\t${record}`])
    expect(await store.dump()).toEqual(before)

    await store.run('confirm', 'r1', 'pay-1', 'refuse')
    const confirmed = (await store.record('r1')).join('\t')
    expect(confirmed).toMatch(/^confirmed\t/)
    expect(await store.reserve('r3', 'k', request('cup:2'))).toEqual([`replayed\tr1\t${confirmed}`])
  })

  scriptTest.for([
    ['another quantity', request('cup:3')],
    ['another SKU', request('hat:2')],
    ['another time to live', request('cup:2', 901)],
    ['another customer', request('cup:2', 900, 'customer-2')],
    ['an order', request('cup:2', 900, 'customer-1', 'order-1')],
  ] as const)('refuses a key that comes with %s', async ([_what, other], { store }) => {
    await store.setStock({ cup: 10, hat: 10 })
    await store.hold('r1', 'cup:2', { key: 'k' })
    const before = await store.dump()
    expect(await store.reserve('r2', 'k', other)).toEqual(['idempotency-key-reused'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('makes one reservation of a key that comes twice in a batch', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const call = request('cup:2')
    const calls = ['r1', 'k', call, 'r2', 'k', call, 'r3', 'k', request('cup:3')]
    const [first, second, third] = await store.reserve(...calls)
    expect(first).toBe('reserved')
    expect(second).toBe(`replayed\tr1\t${(await store.record('r1')).join('\t')}`)
    expect(third).toBe('idempotency-key-reused')
    expect(await store.counts('cup')).toBe('8 2 0')
    expect(await store.redis.hkeys(store.keys.reservations)).toEqual(['r1'])
  })

  scriptTest('serves the neighbours of every kind of refusal in a batch', async ({ store }) => {
    await store.setStock({ cup: 3 })
    await store.hold('r0', 'cup:1', { key: 'used' })
    const replies = await store.reserve(
      ...['r1', '', request('fez:1'), 'r2', '', request('cup:9')],
      ...['r3', 'used', request('cup:2'), 'r4', '', 'nonsense', 'r5', '', request('cup:2')],
    )
    expect(replies.map((reply) => reply.split('\t')[0])).toEqual([
      'unknown-sku',
      'insufficient-stock',
      'idempotency-key-reused',
      'malformed',
      'reserved',
    ])
    expect(await store.counts('cup')).toBe('0 3 0')
    expect((await store.redis.hkeys(store.keys.reservations)).sort()).toEqual(['r0', 'r5'])
    expect(await store.ledger()).toEqual([
      'set cup:3:3:0:0',
      'reserve r0 cup:1:2:1:0',
      'reserve r5 cup:2:0:3:0',
    ])
  })

  scriptTest('forgets a key that was refused, so that it can be used again', async ({ store }) => {
    await store.setStock({ cup: 1 })
    expect(await store.reserve('r1', 'k', request('cup:2'))).toEqual(['insufficient-stock\tcup:2:1'])
    await store.setStock({ cup: 2 })
    expect((await store.reserve('r1', 'k', request('cup:2')))[0]).toBe('reserved')
  })

  scriptTest('reserves a batch larger than one call of a Redis command may carry', async ({ store }) => {
    const skus = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`sku-${i}`, 1]))
    await store.setStock(skus)
    const carts = Array.from({ length: 30 }, (_, cart) =>
      Array.from({ length: 50 }, (_, line) => `sku-${cart * 50 + line}:1`).join(','),
    )
    const calls = carts.flatMap((lines, i) => [`r${i}`, `k${i}`, request(lines)])
    const replies = await store.reserve(...calls)
    expect(replies.every((reply) => reply === 'reserved')).toBe(true)
    const counts = Object.values(await store.redis.hgetall(store.keys.stock))
    expect(counts).toHaveLength(1500)
    expect(new Set(counts)).toEqual(new Set(['0 1 0']))
  })
})
