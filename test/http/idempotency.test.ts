import { beforeAll, describe, expect, test } from 'vitest'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient
let next = 0

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0 })).app)
})

async function stocked(onHand: number): Promise<string> {
  const sku = `sku-${next++}`
  await client.put(`/v1/stock/${sku}`, { onHand })
  return sku
}

const withKey = (key: string) => ({ 'idempotency-key': key })
const cart = (sku: string, quantity = 1) => ({ customerId: 'c', lines: [{ sku, quantity }] })

describe('a reservation under an idempotency key', () => {
  test('is one, of 100 requests at once: one 201, 99 replays', async () => {
    const sku = await stocked(500)
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => client.post('/v1/reservations', cart(sku, 2), withKey('at-once'))),
    )
    const made = answers.filter(({ status }) => status === 201)
    const replayed = answers.filter(({ status }) => status === 200)
    expect([made.length, replayed.length]).toEqual([1, 99])
    expect(made[0]?.headers).not.toHaveProperty('idempotency-replayed')
    for (const { headers, body } of replayed) {
      expect(headers['idempotency-replayed']).toBe('true')
      expect(body).toEqual({ ...made[0]?.body, persisted: false })
    }
    expect((await client.get(`/v1/stock/${sku}`)).body).toMatchObject({ available: 498, held: 2 })
  })

  test('is one, also over several API processes', async () => {
    const sku = await stocked(500)
    const other = new HttpClient((await store.api()).app)
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        [client, other][i % 2]?.post('/v1/reservations', cart(sku), withKey('two-processes')),
      ),
    )
    expect(answers.filter((answer) => answer?.status === 201)).toHaveLength(1)
    expect(new Set(answers.map((answer) => answer?.body.id)).size).toBe(1)
  })

  test.for([
    ['another quantity', { lines: [{ sku: 'SKU', quantity: 2 }] }],
    ['another customer', { customerId: 'd' }],
    ['an order', { orderId: 'order-1' }],
    ['another time to live', { ttlSeconds: 901 }],
  ] as const)('refuses a repeat with %s with 422', async ([what, other]) => {
    const sku = await stocked(10)
    const key = `reused-${what.replaceAll(' ', '-')}`
    expect((await client.post('/v1/reservations', cart(sku), withKey(key))).status).toBe(201)
    const before = await dumpStore(store.redis, store.name)
    const body = JSON.parse(JSON.stringify({ ...cart(sku), ...other }).replace('"SKU"', JSON.stringify(sku)))
    expectProblem(await client.post('/v1/reservations', body, withKey(key)), 'idempotency-key-reused')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('takes a repeat whose lines say the same in another way', async () => {
    const [a, b] = [await stocked(9), await stocked(9)]
    const say = (lines: object[]) =>
      client.post('/v1/reservations', { customerId: 'c', ttlSeconds: 900, lines }, withKey('same-cart'))
    const first = await say([
      { sku: a, quantity: 3 },
      { sku: b, quantity: 1 },
    ])
    const again = await say([
      { sku: b, quantity: 1 },
      { sku: a, quantity: 1 },
      { sku: a, quantity: 2 },
    ])
    expect([first.status, again.status, again.body.id]).toEqual([201, 200, first.body.id])
  })

  test('is shown as it is now: confirmed, released or expired', async () => {
    const sku = await stocked(10)
    const repeat = (key: string) => client.post('/v1/reservations', cart(sku), withKey(key))
    const paid = await repeat('then-paid')
    await client.post(`/v1/reservations/${paid.body.id}/confirm`, { paymentRef: 'pay-1' })
    expect((await repeat('then-paid')).body).toMatchObject({
      ...{ id: paid.body.id, state: 'confirmed', paymentRef: 'pay-1' },
    })
    const returned = await repeat('then-released')
    await client.post(`/v1/reservations/${returned.body.id}/release`)
    expect(await repeat('then-released')).toMatchObject({ status: 200, body: { state: 'released' } })
    const late = await repeat('then-expired')
    await makeOverdue(store.redis, store.keys, late.body.id)
    const api = [...(await store.api()).stores.values()][0]
    await api?.gate.expire(10)
    expect(await repeat('then-expired')).toMatchObject({
      ...{ status: 200, body: { id: late.body.id, state: 'expired' } },
    })
    expect((await client.get(`/v1/stock/${sku}`)).body).toMatchObject({ available: 9, held: 0, sold: 1 })
  })

  test('is free again when the first try was refused', async () => {
    const sku = await stocked(0)
    expect((await client.post('/v1/reservations', cart(sku), withKey('refused'))).status).toBe(409)
    await client.put(`/v1/stock/${sku}`, { onHand: 1 })
    expect((await client.post('/v1/reservations', cart(sku), withKey('refused'))).status).toBe(201)
  })

  test('takes every printable ASCII character, up to 255 of them', async () => {
    const sku = await stocked(10)
    const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join('')
    for (const key of [ascii, 'k'.repeat(255), '{main}:*', '__proto__']) {
      const first = await client.post('/v1/reservations', cart(sku), withKey(key))
      const again = await client.post('/v1/reservations', cart(sku), withKey(key))
      expect([first.status, again.status, again.body.id]).toEqual([201, 200, first.body.id])
    }
  })

  test('without a key is another one each time', async () => {
    const sku = await stocked(10)
    const [first, second] = [
      await client.post('/v1/reservations', cart(sku)),
      await client.post('/v1/reservations', cart(sku)),
    ]
    expect([first.status, second.status]).toEqual([201, 201])
    expect(first.body.id).not.toBe(second.body.id)
  })
})

describe('an adjustment under an idempotency key', () => {
  const adjust = (sku: string, body: object, key: string) =>
    client.post(`/v1/stock/${sku}/adjustments`, body, withKey(key))

  test('is one, of 100 requests at once', async () => {
    const sku = await stocked(10)
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => adjust(sku, { quantity: 5, reason: 'return' }, 'adjust-at-once')),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(99)
    expect((await client.get(`/v1/stock/${sku}`)).body).toMatchObject({ available: 15 })
  })

  test('is refused with 422 when the repeat differs', async () => {
    const [sku, other] = [await stocked(10), await stocked(10)]
    await adjust(sku, { quantity: 5, reason: 'return' }, 'adjust-reused')
    const before = await dumpStore(store.redis, store.name)
    const reused = 'idempotency-key-reused'
    expectProblem(await adjust(sku, { quantity: 6, reason: 'return' }, 'adjust-reused'), reused)
    expectProblem(await adjust(sku, { quantity: 5 }, 'adjust-reused'), reused)
    expectProblem(await adjust(other, { quantity: 5, reason: 'return' }, 'adjust-reused'), reused)
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('has its key to itself: the same key may make a reservation', async () => {
    const sku = await stocked(10)
    expect((await adjust(sku, { quantity: 5 }, 'shared')).status).toBe(200)
    expect((await client.post('/v1/reservations', cart(sku), withKey('shared'))).status).toBe(201)
  })
})
