import { beforeAll, describe, expect, test } from 'vitest'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api()).app)
  await client.put('/v1/stock/cup', { onHand: 10 })
})

const reserve = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }

const calls = [
  ['POST', '/v1/reservations', reserve],
  ['GET', '/v1/reservations/0190b0a0-0000-7000-8000-000000000000', undefined],
  ['POST', '/v1/reservations/0190b0a0-0000-7000-8000-000000000000/confirm', {}],
  ['POST', '/v1/reservations/0190b0a0-0000-7000-8000-000000000000/release', {}],
  ['POST', '/v1/reservations/0190b0a0-0000-7000-8000-000000000000/extend', { ttlSeconds: 60 }],
  ['GET', '/v1/stock/cup', undefined],
  ['GET', '/v1/stock', undefined],
  ['PUT', '/v1/stock/cup', { onHand: 5 }],
  ['POST', '/v1/stock/cup/adjustments', { quantity: 1 }],
  ['GET', '/v1/ledger', undefined],
] as const

describe('the store of a call', () => {
  test.for(calls)('that is not served here answers 404 to %s %s', async ([method, path, body]) => {
    const before = await dumpStore(store.redis, store.name)
    for (const name of ['no-such', `${store.name}x`, '', '*', `${store.name}, ${store.name}`, '__proto__']) {
      expectProblem(await client.sendJson(method, path, body, { 'holdfast-store': name }), 'unknown-store')
    }
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('is the one its header names, and the first one when it names none', async () => {
    const other = `${store.name}-b`
    const { app } = await store.api({ stores: [store.name, other] })
    const both = new HttpClient(app)
    const inOther = { 'holdfast-store': other }
    expect((await both.put('/v1/stock/mug', { onHand: 7 }, inOther)).status).toBe(201)
    expect((await both.get('/v1/stock/mug', inOther)).body).toMatchObject({ available: 7 })
    expect((await both.get('/v1/stock/mug')).status).toBe(404)
    expect((await both.get('/v1/stock/cup', { 'holdfast-store': store.name })).status).toBe(200)
    const keyed = { ...inOther, 'idempotency-key': 'same' }
    const lines = [{ sku: 'mug', quantity: 1 }]
    const { body } = await both.post('/v1/reservations', { customerId: 'c', lines }, keyed)
    expect((await both.get(`/v1/reservations/${body.id}`)).status).toBe(404)
    expect((await both.get(`/v1/reservations/${body.id}`, inOther)).status).toBe(200)
    await store.redis.unlink(...(await store.redis.keys(`holdfast:{${other}}:*`)))
  })
})

describe('a path or a method that is not of the API', () => {
  test.for([
    ['GET', '/v1/nothing'],
    ['GET', '/v1'],
    ['DELETE', '/v1/stock/cup'],
    ['PATCH', '/v1/stock/cup'],
    ['PUT', '/v1/reservations'],
    ['POST', '/v1/stock'],
    ['GET', '/v1/stock/cup/adjustments'],
    ['GET', '/V1/STOCK'],
    ['GET', '/../package.json'],
    ['GET', '/docs/static/../../package.json'],
  ] as const)('answers 404 to %s %s', async ([method, path]) => {
    expectProblem(await client.send({ method, url: path }), 'not-found')
  })

  test.for(['/v1/stock/%zz', '/v1/reservations/%', '/v1/stock/%c0%80', '/%ff'])(
    'answers a problem to the broken escape in %s',
    async (url) => {
      expectProblem(await client.send({ method: 'GET', url }), 'invalid-request')
    },
  )

  test('answers a problem to a path that is too long', async () => {
    for (const length of [300, 5000]) {
      expectProblem(await client.get(`/v1/stock/${'x'.repeat(length)}`), 'invalid-request')
    }
  })
})

describe('the id of a request', () => {
  test('is the one the client gave, when it is a plain one', async () => {
    const idOf = async (id: string) =>
      (await client.get('/healthz', { 'x-request-id': id })).headers['x-request-id']
    expect(await idOf('order-7.a_B')).toBe('order-7.a_B')
    for (const id of ['', 'a b', 'x'.repeat(65), '{"a":1}']) expect(await idOf(id)).toMatch(/^[0-9a-f-]{36}$/)
  })
})
