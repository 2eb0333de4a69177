import { beforeAll, describe, expect, test } from 'vitest'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient
let nextSku = 0

beforeAll(async () => {
  client = new HttpClient((await store.api()).app)
})

/** A new SKU with so many units. */
async function stocked(onHand: number): Promise<string> {
  const sku = `sku-${nextSku++}`
  expect((await client.put(`/v1/stock/${sku}`, { onHand })).status).toBe(201)
  return sku
}

describe('POST /v1/reservations', () => {
  test('holds units and answers 201 with the reservation', async () => {
    const [cup, hat] = [await stocked(10), await stocked(3)]
    const before = Date.now()
    const lines = [
      { sku: cup, quantity: 4 },
      { sku: hat, quantity: 3 },
    ]
    const answer = await client.post('/v1/reservations', {
      customerId: 'Zoë 🎁',
      orderId: 'order-1',
      ttlSeconds: 60,
      lines,
    })
    expect(answer.status).toBe(201)
    const { id, createdAt, expiresAt, ...rest } = answer.body
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(rest).toEqual({ state: 'held', customerId: 'Zoë 🎁', orderId: 'order-1', lines })
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(Math.abs(Date.parse(String(createdAt)) - before)).toBeLessThan(5000)
    expect(Date.parse(String(expiresAt)) - Date.parse(String(createdAt))).toBe(60_000)
    expect((await client.get(`/v1/stock/${cup}`)).body).toEqual({
      ...{ sku: cup, available: 6, held: 4, sold: 0, onHand: 10 },
    })
  })

  test('holds for 900 s when the call does not say', async () => {
    const sku = await stocked(1)
    const { body } = await client.post('/v1/reservations', { customerId: 'c', lines: [{ sku, quantity: 1 }] })
    expect(Date.parse(String(body.expiresAt)) - Date.parse(String(body.createdAt))).toBe(900_000)
    expect(body).not.toHaveProperty('orderId')
  })

  test('adds up the lines of one SKU before it judges them', async () => {
    const sku = await stocked(3)
    const twice = (first: number, second: number) =>
      client.post('/v1/reservations', {
        customerId: 'c',
        lines: [
          { sku, quantity: first },
          { sku, quantity: second },
        ],
      })
    expectProblem(await twice(2, 2), 'insufficient-stock', { lines: [{ sku, requested: 4, available: 3 }] })
    const { status, body } = await twice(1, 2)
    expect([status, body.lines]).toEqual([201, [{ sku, quantity: 3 }]])
  })

  test('refuses lines of one SKU that add up to more than a reservation may have', async () => {
    const sku = await stocked(5_000_000)
    const lines = [
      { sku, quantity: 999_999 },
      { sku, quantity: 2 },
    ]
    expectProblem(await client.post('/v1/reservations', { customerId: 'c', lines }), 'invalid-request')
  })

  test('names every short line, and holds none of the others', async () => {
    const [cup, hat, tie] = [await stocked(1), await stocked(9), await stocked(0)]
    const before = await dumpStore(store.redis, store.name)
    const lines = [cup, hat, tie].map((sku) => ({ sku, quantity: 2 }))
    expectProblem(await client.post('/v1/reservations', { customerId: 'c', lines }), 'insufficient-stock', {
      lines: [
        { sku: cup, requested: 2, available: 1 },
        { sku: tie, requested: 2, available: 0 },
      ],
    })
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('names every unknown SKU', async () => {
    const sku = await stocked(0)
    const lines = ['no-1', sku, 'no-2'].map((name) => ({ sku: name, quantity: 1 }))
    expectProblem(await client.post('/v1/reservations', { customerId: 'c', lines }), 'unknown-sku', {
      skus: ['no-1', 'no-2'],
    })
  })

  test('gives the last unit to exactly one of many who ask at once', async () => {
    const sku = await stocked(1)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        client.post('/v1/reservations', { customerId: `c${i}`, lines: [{ sku, quantity: 1 }] }),
      ),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49)
  })
})

describe('GET /v1/reservations/{id}', () => {
  test('answers 200 with the reservation and whether MySQL holds it', async () => {
    const sku = await stocked(1)
    const { body } = await client.post('/v1/reservations', { customerId: 'c', lines: [{ sku, quantity: 1 }] })
    const answer = await client.get(`/v1/reservations/${body.id}`)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ ...body, persisted: false })
  })

  test.for(['0190b0a0-0000-7000-8000-000000000000', 'x', '%00', '..%2f..', '__proto__', '0'.repeat(200)])(
    'answers 404 to %s',
    async (id) => {
      expectProblem(await client.get(`/v1/reservations/${id}`), 'unknown-reservation')
    },
  )
})
