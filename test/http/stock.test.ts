import { beforeAll, describe, expect, test } from 'vitest'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const ordered = await openTestStore()
const large = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0 })).app)
})

async function hold(sku: string, quantity: number): Promise<string> {
  const lines = [{ sku, quantity }]
  return (await client.post('/v1/reservations', { customerId: 'c', lines })).body.id
}

describe('GET /v1/stock/{sku}', () => {
  test('answers the three counts and what is on hand', async () => {
    await client.put('/v1/stock/read', { onHand: 10 })
    await hold('read', 2)
    await client.post(`/v1/reservations/${await hold('read', 3)}/confirm`)
    const { status, body } = await client.get('/v1/stock/read')
    expect([status, body]).toEqual([200, { sku: 'read', available: 5, held: 2, sold: 3, onHand: 7 }])
  })

  test('answers 404 with the SKU when it does not exist', async () => {
    for (const sku of ['no-such', '__proto__', 'constructor']) {
      expectProblem(await client.get(`/v1/stock/${sku}`), 'unknown-sku', { skus: [sku] })
    }
  })
})

describe('PUT /v1/stock/{sku}', () => {
  test('answers 201 when it creates the SKU and 200 after that', async () => {
    const put = (onHand: number) => client.put('/v1/stock/put', { onHand })
    expect(await put(5)).toMatchObject({
      ...{ status: 201, body: { sku: 'put', available: 5, held: 0, sold: 0, onHand: 5 } },
    })
    expect(await put(7)).toMatchObject({ status: 200, body: { available: 7 } })
    expect(await put(7)).toMatchObject({ status: 200, body: { available: 7 } })
    expect(await put(0)).toMatchObject({ status: 200, body: { available: 0 } })
  })

  test('makes available what is on hand and not held', async () => {
    await client.put('/v1/stock/counted', { onHand: 10 })
    await hold('counted', 4)
    const { body } = await client.put('/v1/stock/counted', { onHand: 6 })
    expect(body).toMatchObject({ available: 2, held: 4, onHand: 6 })
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await client.put('/v1/stock/counted', { onHand: 3 }), 'below-held', { held: 4 })
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })
})

describe('POST /v1/stock/{sku}/adjustments', () => {
  const adjust = (sku: string, body: object) => client.post(`/v1/stock/${sku}/adjustments`, body)

  test('adds and takes away, and answers the stock', async () => {
    await client.put('/v1/stock/adjusted', { onHand: 10 })
    expect(await adjust('adjusted', { quantity: 5, reason: 'return' })).toMatchObject({
      ...{ status: 200, body: { sku: 'adjusted', available: 15, onHand: 15 } },
    })
    expect((await adjust('adjusted', { quantity: -15 })).body).toMatchObject({ available: 0 })
  })

  test('refuses to take what is not available', async () => {
    await client.put('/v1/stock/scarce', { onHand: 10 })
    await hold('scarce', 8)
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await adjust('scarce', { quantity: -3 }), 'insufficient-stock', {
      lines: [{ sku: 'scarce', requested: 3, available: 2 }],
    })
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('refuses an unknown SKU, none at all and a count above the largest', async () => {
    expectProblem(await adjust('no-such', { quantity: 1 }), 'unknown-sku', { skus: ['no-such'] })
    await client.put('/v1/stock/most', { onHand: 1e12 })
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await adjust('most', { quantity: 0 }), 'invalid-request')
    expectProblem(await adjust('most', { quantity: 1 }), 'invalid-request')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })
})

describe('GET /v1/stock', () => {
  const pages = async (other: HttpClient, limit: number) => {
    const skus: unknown[][] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const answer = await other.get(`/v1/stock?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      expect(answer.status).toBe(200)
      skus.push(answer.body.items.map(({ sku }) => sku))
      cursor = answer.body.nextCursor
    }
    return skus
  }

  test('lists every SKU once, in order, a page at a time', async () => {
    const other = new HttpClient((await ordered.api()).app)
    expect((await other.get('/v1/stock')).body).toEqual({ items: [], nextCursor: null })
    for (const sku of ['b', 'a', 'c', 'B', '1', 'a.b', '_'])
      await other.put(`/v1/stock/${sku}`, { onHand: 1 })
    const inOrder = ['1', 'B', '_', 'a', 'a.b', 'b', 'c']
    expect((await pages(other, 500)).flat()).toEqual(inOrder)
    expect(await pages(other, 3)).toEqual([inOrder.slice(0, 3), inOrder.slice(3, 6), inOrder.slice(6)])
    expect(await pages(other, 7)).toEqual([inOrder])
    expect((await pages(other, 1)).flat()).toEqual(inOrder)
    const { body } = await other.get('/v1/stock?limit=1')
    expect(body.items).toEqual([{ sku: '1', available: 1, held: 0, sold: 0, onHand: 1 }])
  })

  test('begins after the cursor, also when that SKU does not exist', async () => {
    await client.put('/v1/stock/zz-1', { onHand: 1 })
    await client.put('/v1/stock/zz-3', { onHand: 1 })
    const { body } = await client.get('/v1/stock?cursor=zz-2')
    expect(body.items.map(({ sku }) => sku)).toEqual(['zz-3'])
  })

  test('answers 100 items when no limit is given', async () => {
    const other = new HttpClient((await large.api()).app)
    const set = Array.from({ length: 120 }, (_, i) => other.put(`/v1/stock/sku-${i}`, { onHand: i }))
    for (const { status, text } of await Promise.all(set)) expect([status, text]).toEqual([201, text])
    const { status, body, text } = await other.get('/v1/stock')
    expect(status, text).toBe(200)
    expect(body.items).toHaveLength(100)
    expect(body.nextCursor).toBe(body.items.at(-1)?.sku)
  })
})
