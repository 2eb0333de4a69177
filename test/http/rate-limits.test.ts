import { afterAll, describe, expect, test } from 'vitest'
import { makeKey } from '../support/api-keys.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
/** Has API keys. */
const guarded = await openTestStore()
const proxy = await TcpProxy.open(store.config.redisUrl)
afterAll(() => proxy.unplug())

const lines = [{ sku: 'cup', quantity: 1 }]
/** What the limits keep in Redis is not the store's, so names are of this run alone. */
const named = (name: string) => `${name}-${store.name}`
const keyOf = (name: string) => makeKey(guarded.database, { name: named(name) })
const bearing = (key: string) => ({ authorization: `Bearer ${key}` })

async function rateKeys(): Promise<string[]> {
  const keys: string[] = []
  for await (const found of store.redis.scanStream({ match: `*rate*${store.name}*`, count: 1000 }))
    keys.push(...found)
  return [...new Set(keys)]
}

afterAll(async () => {
  const keys = await rateKeys()
  if (keys.length > 0) await store.redis.unlink(...keys)
})

describe('an API key with a limit', () => {
  test('may make so many calls in a minute, over all processes, and payments beyond', async () => {
    const [shop, office] = [await keyOf('shop'), await keyOf('office')]
    const config = { keyCallsPerMinute: 5, confirmWaitMs: 0 }
    const [a, b] = [
      new HttpClient((await guarded.api(config)).app, bearing(shop)),
      new HttpClient((await guarded.api(config)).app, bearing(shop)),
    ]
    const first = await a.put('/v1/stock/cup', { onHand: 1000 })
    expect(first).toMatchObject({
      status: 201,
      headers: { 'ratelimit-policy': '"key";q=5;w=60', ratelimit: '"key";r=4;t=60' },
    })
    const { id } = (await b.post('/v1/reservations', { customerId: 'c', lines })).body
    await a.get('/v1/stock/cup')
    await b.get('/v1/stock/cup')
    expect((await a.get('/v1/stock/no-such')).status).toBe(404)

    const before = await dumpStore(guarded.redis, guarded.name)
    for (const client of [a, b, a, b]) {
      const refused = await client.post(
        '/v1/reservations',
        { customerId: 'c', lines },
        { 'idempotency-key': 'k' },
      )
      expectProblem(refused, 'rate-limited')
      expect(refused.headers.ratelimit).toMatch(/^"key";r=0;t=([1-9]|[1-5]\d|60)$/)
      const { ratelimit, 'retry-after': retryAfter } = refused.headers
      expect(ratelimit).toBe(`"key";r=0;t=${retryAfter}`)
    }
    expectProblem(await b.put('/v1/stock/cup', { onHand: 1 }), 'rate-limited')
    expect(await dumpStore(guarded.redis, guarded.name)).toEqual(before)

    const paid = await a.post(`/v1/reservations/${id}/confirm`)
    expect([paid.status, paid.headers.ratelimit]).toEqual([202, undefined])
    expect((await a.get('/v1/stock/cup', bearing(office))).status).toBe(200)
    expectProblem(await a.get('/v1/stock/cup', bearing('wrong')), 'unauthorized')
    expect((await a.get('/readyz')).status).toBe(200)
  })
})

test('the description names the limit at each call that a key may be refused, and at no other', async () => {
  const key = await keyOf('curious')
  const client = new HttpClient((await guarded.api({ keyCallsPerMinute: 1 })).app, bearing(key))
  expect((await client.get('/v1/stock')).status).toBe(200)
  const { paths } = (await client.get('/openapi.json')).body as unknown as {
    paths: Record<string, Record<'get' | 'post' | 'put', { responses: Record<string, object> }>>
  }
  const named: string[] = []
  for (const [path, calls] of Object.entries(paths).filter(([path]) => path.startsWith('/v1/'))) {
    for (const [method, { responses }] of Object.entries(calls)) {
      const url = path.replace(/\{\w+\}/g, 'x')
      const refused = await client.send({ method: method.toUpperCase() as 'GET', url })
      const isRefused = refused.status === 429
      expect('429' in responses, `${method} ${path}`).toBe(isRefused)
      if (!isRefused) continue
      named.push(path)
      const { headers } = responses['429'] as { headers: Record<string, object> }
      expect(Object.keys(headers)).toEqual(
        expect.arrayContaining(['Retry-After', 'RateLimit', 'RateLimit-Policy']),
      )
    }
  }
  expect(named).toContain('/v1/console')
})

describe('a customer with a limit', () => {
  test('may be reserved for so often in a minute, over all processes, repeats included', async () => {
    const config = { customerHoldsPerMinute: 3, stores: [store.name, named('other')] }
    const [a, b] = [
      new HttpClient((await store.api(config)).app),
      new HttpClient((await store.api(config)).app),
    ]
    await a.put('/v1/stock/cup', { onHand: 1000 })
    const greedy = { customerId: 'Zoë: "7"', lines }
    const key = { 'idempotency-key': 'order-1' }
    const answers = [
      await a.post('/v1/reservations', greedy, key),
      await b.post('/v1/reservations', greedy, key),
      await a.post('/v1/reservations', { ...greedy, lines: [{ sku: 'cup', quantity: 100_000 }] }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 409])
    expect(answers.map(({ headers }) => String(headers.ratelimit).slice(0, 14))).toEqual(
      [2, 1, 0].map((left) => `"customer";r=${left}`),
    )
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await b.post('/v1/reservations', greedy), 'rate-limited')
    expectProblem(await a.post('/v1/reservations', greedy, key), 'rate-limited')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)

    expect((await a.post('/v1/reservations', { customerId: 'modest', lines })).status).toBe(201)
    // The customer of another store is somebody else.
    const elsewhere = await a.post('/v1/reservations', greedy, { 'holdfast-store': named('other') })
    expectProblem(elsewhere, 'unknown-sku', { skus: ['cup'] })
    // What was not let through to be judged is not counted.
    expect((await a.post('/v1/reservations', { customerId: 'modest', lines: [] })).status).toBe(400)
    expect((await b.post('/v1/reservations', { customerId: 'modest', lines })).headers.ratelimit).toMatch(
      /;r=1;/,
    )
    const others = await store.redis.keys(`holdfast:{${named('other')}}:*`)
    if (others.length > 0) await store.redis.unlink(...others)
  })

  test('is counted beside the API key, and the answer tells of both', async () => {
    const config = { keyCallsPerMinute: 10, customerHoldsPerMinute: 10 }
    const both = await keyOf('both')
    const client = new HttpClient((await guarded.api(config)).app, bearing(both))
    await client.put('/v1/stock/cup', { onHand: 1000 })
    const { headers } = await client.post('/v1/reservations', { customerId: 'both', lines })
    expect(headers['ratelimit-policy']).toBe('"key";q=10;w=60, "customer";q=10;w=60')
    expect(headers.ratelimit).toMatch(/^"key";r=8;t=\d+, "customer";r=9;t=\d+$/)
  })
})

describe('what the limits keep in Redis', () => {
  test('lies outside of every store and ends with its minute', async () => {
    const keys = await rateKeys()
    expect(keys.length).toBeGreaterThanOrEqual(3)
    for (const key of keys) {
      expect(key).toMatch(/^holdfast-rate:(key|customer):/)
      const ttl = await store.redis.pttl(key)
      expect(ttl).toBeGreaterThan(0)
      expect(ttl).toBeLessThanOrEqual(60_000)
    }
  })

  test('is nothing while no limit is set', async () => {
    const before = (await rateKeys()).length
    const free = await keyOf('free')
    const client = new HttpClient((await guarded.api()).app, bearing(free))
    const { headers, status } = await client.post('/v1/reservations', { customerId: 'free', lines })
    expect([status, headers.ratelimit, headers['ratelimit-policy']]).toEqual([201, undefined, undefined])
    expect(await rateKeys()).toHaveLength(before)
  })
})

describe('a limit whose Redis cannot count', () => {
  test.for([
    ['does not answer', 'keep'],
    ['breaks off', 'lose'],
  ] as const)('admits calls, and counts them as such, while it %s', async ([how, verdict]) => {
    const { app } = await store.api({ redisUrl: proxy.url, customerHoldsPerMinute: 2 })
    const client = new HttpClient(app)
    await client.put('/v1/stock/cup', { onHand: 1000 })
    const reserve = () => client.post('/v1/reservations', { customerId: how, lines })
    expect((await reserve()).headers.ratelimit).toMatch(/;r=1;/)
    proxy.tap = (bytes, from) => (from === 'client' && bytes.includes('holdfast-rate') ? verdict : 'pass')
    const startedMs = performance.now()
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await reserve()
      expect([status, headers.ratelimit]).toEqual([201, undefined])
    }
    // One call waits for the count, and the others do not.
    expect(performance.now() - startedMs).toBeLessThan(3000)
    expect((await client.get('/metrics')).text).toContain(
      'holdfast_calls_uncounted_total{limit="customer"} 5\n',
    )
    proxy.tap = undefined
    await eventually(async () => (await reserve()).status === 429, 'calls are counted again')
  })
})
