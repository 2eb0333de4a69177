import { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import { refusals } from '../../src/domain/outcomes.js'
import { storeKeys } from '../../src/stock/keys.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { LossyProxy } from '../support/lossy-proxy.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually, openTestStore } from '../support/test-store.js'

/** Answers to what reaches no call of the API. */
const beforeTheApi = ['not-found', 'request-timeout', 'headers-too-large']
const unreachable = 'mysql://nobody@127.0.0.1:1/nothing'

// Before the store, so that they end after the APIs on them.
const weakRedis = await openPrivateRedis({
  'maxmemory-policy': 'allkeys-lru',
  maxmemory: '256mb',
  appendfsync: 'everysec',
})
const fullRedis = await openPrivateRedis()
const lostRedis = await openPrivateRedis()
const proxy = await LossyProxy.open(lostRedis.url)
const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0 })).app)
})

describe('GET /openapi.json', () => {
  interface Operation {
    responses: Record<string, { content?: Record<string, unknown>; description?: string }>
    requestBody?: unknown
    parameters?: { name: string; in: string }[]
    summary?: string
  }
  let description: Record<string, unknown>
  let paths: Record<string, Record<string, Operation>>

  beforeAll(async () => {
    description = (await client.get('/openapi.json')).body
    paths = description.paths as typeof paths
  })

  test('is an OpenAPI 3.1 document with its version', () => {
    expect(description.openapi).toMatch(/^3\.1\.\d$/)
    expect(description.info).toMatchObject({
      title: 'Holdfast',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
  })

  test.for([
    ['post', '/v1/reservations', [200, 201, 400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503]],
    ['get', '/v1/reservations/{id}', [200, 400, 401, 403, 404, 429, 500, 503]],
    ['post', '/v1/reservations/{id}/confirm', [200, 202, 400, 401, 403, 404, 409, 413, 415, 500, 503]],
    ['post', '/v1/reservations/{id}/release', [200, 400, 401, 403, 404, 409, 413, 415, 500, 503]],
    ['post', '/v1/reservations/{id}/extend', [200, 400, 401, 403, 404, 409, 413, 415, 500, 503]],
    ['get', '/v1/stock/{sku}', [200, 400, 401, 403, 404, 429, 500, 503]],
    ['get', '/v1/stock', [200, 400, 401, 403, 404, 429, 500, 503]],
    ['put', '/v1/stock/{sku}', [200, 201, 400, 401, 403, 404, 409, 413, 415, 429, 500, 503]],
    ['post', '/v1/stock/{sku}/adjustments', [200, 400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503]],
    ['get', '/v1/ledger', [200, 400, 401, 403, 404, 429, 500, 503]],
    ['get', '/healthz', [200, 503]],
    ['get', '/readyz', [200, 503]],
    ['get', '/metrics', [200, 500, 503]],
  ] as const)('describes %s %s with each of its statuses', ([method, path, statuses]) => {
    const operation = paths[path]?.[method]
    expect(operation?.summary).toBeTruthy()
    expect(Object.keys(operation?.responses ?? {}).map(Number)).toEqual([...statuses])
    for (const [status, { content }] of Object.entries(operation?.responses ?? {})) {
      if (Number(status) >= 400 && path.startsWith('/v1')) {
        expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
      }
    }
  })

  test('has one body, or none, and every parameter of its path for each call', () => {
    for (const [path, calls] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(calls)) {
        expect(operation.requestBody !== undefined, `${method} ${path}`).toBe(
          ['post', 'put'].includes(method),
        )
        const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
        const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
        expect(described.map(({ name }) => name)).toEqual(named)
      }
    }
  })

  test('resolves each of its own references', () => {
    for (const [, reference] of JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)) {
      const target = (reference as string)
        .replace('#/', '')
        .split('/')
        .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], description)
      expect(target, reference).toBeDefined()
    }
  })

  test('explains each code of the catalogue that a call of the API may answer', () => {
    const text = JSON.stringify(description)
    for (const [code, { title }] of Object.entries(refusals)) {
      if (!beforeTheApi.includes(code)) expect(text).toContain(`\`${code}\`: ${title}`)
    }
  })
})

describe('the pages for people', () => {
  test('/docs shows the description of the API', async () => {
    const redirect = await client.get('/docs')
    const page = redirect.status === 200 ? redirect : await client.get('/docs/')
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(page.text).toContain('swagger')
    expect((await client.get('/docs/json')).body).toEqual((await client.get('/openapi.json')).body)
  })

  test('/healthz answers while the process is alive', async () => {
    expect(await client.get('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } })
  })
})

describe('GET /metrics', () => {
  test('tells what is held, how late it is, how far MySQL is and what was answered', async () => {
    await client.put('/v1/stock/cup', { onHand: 10 })
    const lines = [{ sku: 'cup', quantity: 1 }]
    await client.post('/v1/reservations', { customerId: 'c', lines })
    await client.get('/v1/stock/no-such')
    const { status, headers, text } = await client.get('/metrics')
    expect([status, String(headers['content-type'])]).toEqual([200, expect.stringMatching(/^text\/plain/)])
    const labels = `{store="${store.name}"}`
    expect(text).toContain(`holdfast_reservations_held${labels} 1\n`)
    expect(text).toContain(`holdfast_expiry_overdue_seconds${labels} 0\n`)
    expect(text).toContain(`holdfast_ledger_behind_entries${labels} 2\n`)
    expect(text).toContain(`holdfast_store_fenced${labels} 0\n`)
    expect(text).toContain(`holdfast_holds_paused${labels} 0\n`)
    expect(text).toContain(
      'holdfast_http_requests_total{method="POST",route="/v1/reservations",status="201"} 1\n',
    )
    expect(text).toContain(
      'holdfast_http_requests_total{method="GET",route="/v1/stock/:sku",status="404"} 1\n',
    )
    expect(text).not.toContain('no-such')
    for (const line of text.split('\n').filter((text) => text !== '')) {
      expect(line).toMatch(/^# (HELP|TYPE) \w+ .+$|^\w+(\{[^}]*\})? [-+.\deInfaN]+$/)
    }
  })
})

describe('GET /readyz', () => {
  test('is ready, with nothing to say, on servers that keep every promise', async () => {
    expect(await client.get('/readyz')).toMatchObject({
      status: 200,
      body: {
        ready: true,
        reasons: [],
        promises: { holdSurvivesRedisCrash: true, confirmSurvivesLossOfEitherStore: true },
        stores: { [store.name]: { open: true, takesHolds: true, entriesBehind: expect.any(Number) } },
      },
    })
  })

  test('is ready and says so when MySQL is away', async () => {
    const { app } = await store.api({ databaseUrl: unreachable, connectTimeoutMs: 500 })
    const { status, body } = await new HttpClient(app).get('/readyz')
    expect([status, body.ready]).toEqual([200, true])
    expect(body.reasons).toContain('MySQL cannot be reached: holds go on, confirms answer 202.')
    expect(body.problems).toContainEqual({ part: 'mysql', problem: 'unreachable' })
    expect(body.promises).toMatchObject({ confirmSurvivesLossOfEitherStore: false })
  })

  test('says which promises a weaker Redis does not keep, and that it may evict stock', async () => {
    const { url } = weakRedis
    const { app } = await store.api({ redisUrl: url, stores: [`${store.name}-weak`] })
    const weak = new HttpClient(app)
    const redis = new Redis(url)
    const first = (await weak.get('/readyz')).body
    expect(first.ready).toBe(true)
    expect(first.promises).toMatchObject({ holdSurvivesRedisCrash: false })
    expect(first.reasons).toEqual([
      'Redis has maxmemory-policy allkeys-lru: it may evict stock; set noeviction.',
      'Redis has appendfsync everysec: a crash of its machine may lose reservations.',
    ])
    expect(first.problems).toEqual([
      { part: 'redis', problem: 'may-evict' },
      { part: 'redis', problem: 'fsync-not-always' },
    ])
    await redis.config('SET', 'appendfsync', 'always', 'no-appendfsync-on-rewrite', 'yes')
    const rewriting = (await weak.get('/readyz')).body
    expect(rewriting.promises).toMatchObject({ holdSurvivesRedisCrash: false })
    expect(rewriting.reasons).toContainEqual(
      expect.stringMatching(/^Redis has no-appendfsync-on-rewrite yes: /),
    )
    await redis.config('SET', 'appendonly', 'no')
    expect((await weak.get('/readyz')).body.reasons).toContain(
      'Redis has appendonly off: a crash of Redis loses reservations.',
    )
    await redis.config('SET', 'maxmemory', '0')
    expect((await weak.get('/readyz')).body.reasons).toContain(
      'Redis has no maxmemory: it may take all of its machine before new reservations stop.',
    )
    redis.disconnect()
  })
})

describe('a store that was never compared with MySQL', () => {
  test('is not ready and refuses every change with 503, its reason and when to come back', async () => {
    const name = `${store.name}-new`
    // That no key was ever created is known.
    await store.redis.copy(store.keys.apiKeys, storeKeys(name).apiKeys)
    const { app } = await store.api({ databaseUrl: unreachable, connectTimeoutMs: 500, stores: [name] })
    const fenced = new HttpClient(app)
    const ready = await fenced.get('/readyz')
    expect([ready.status, ready.body.ready]).toEqual([503, false])
    expect(ready.body.reasons).toContainEqual(expect.stringContaining(`The store ${name} is fenced`))
    expect(ready.body.problems).toContainEqual({ part: 'store', problem: 'fenced', store: name })
    const id = '0190b0a0-0000-7000-8000-000000000000'
    const answers = [
      await fenced.post('/v1/reservations', { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }),
      await fenced.post(`/v1/reservations/${id}/confirm`),
      await fenced.post(`/v1/reservations/${id}/release`),
      await fenced.post(`/v1/reservations/${id}/extend`, { ttlSeconds: 60 }),
      await fenced.put('/v1/stock/cup', { onHand: 1 }),
      await fenced.post('/v1/stock/cup/adjustments', { quantity: 1 }),
    ]
    for (const answer of answers) {
      expectProblem(answer, 'store-fenced')
      expect(answer.headers['retry-after']).toBe('1')
      expect(answer.body.detail).toMatch(/cannot be compared|have not been compared/)
    }
    expect((await fenced.get('/metrics')).text).toContain(`holdfast_store_fenced{store="${name}"} 1\n`)
    expect(Object.keys(await dumpStore(store.redis, name))).toEqual([storeKeys(name).apiKeys])
    await store.redis.unlink(storeKeys(name).apiKeys)
  })
})

describe('a Redis with full memory', () => {
  test('stops holds with 503, and lets payments, cancellations and corrections through', async () => {
    const { url } = fullRedis
    const redis = new Redis(url)
    const { app } = await store.api({
      redisUrl: url,
      stores: [`${store.name}-full`],
      confirmWaitMs: 0,
      memoryPercentMax: 0,
    })
    const full = new HttpClient(app)
    await full.put('/v1/stock/cup', { onHand: 10 })
    const hold = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }
    const [a, b, c] = [
      (await full.post('/v1/reservations', hold)).body.id,
      (await full.post('/v1/reservations', hold)).body.id,
      (await full.post('/v1/reservations', hold)).body.id,
    ]
    await redis.config('SET', 'maxmemory', '1mb')
    expectProblem(await full.post('/v1/reservations', hold), 'memory-full')
    expect((await full.post(`/v1/reservations/${a}/confirm`)).status).toBe(202)
    expect((await full.post(`/v1/reservations/${b}/release`)).status).toBe(200)
    expect((await full.post(`/v1/reservations/${c}/extend`, { ttlSeconds: 3600 })).status).toBe(200)
    expect((await full.put('/v1/stock/cup', { onHand: 20 })).status).toBe(200)
    expect((await full.post('/v1/stock/cup/adjustments', { quantity: 1 })).status).toBe(200)
    expect((await full.get('/v1/stock/cup')).body).toMatchObject({ available: 20, held: 1, sold: 1 })
    redis.disconnect()
  })
})

describe('an API with more calls than it may let wait', () => {
  test('answers 503 to the rest, which changed nothing', async () => {
    const { app } = await store.api({ callsWaitingMax: 2, batchesInFlightMax: 1 })
    const busy = new HttpClient(app)
    await busy.put('/v1/stock/rush', { onHand: 1000 })
    const hold = { customerId: 'c', lines: [{ sku: 'rush', quantity: 1 }] }
    await busy.post('/v1/reservations', hold)
    const answers = await Promise.all(Array.from({ length: 200 }, () => busy.post('/v1/reservations', hold)))
    const made = answers.filter(({ status }) => status === 201).length
    const refused = answers.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(0)
    expect(made + refused.length).toBe(200)
    for (const answer of refused) expectProblem(answer, 'overloaded')
    const retries = new Set(refused.map(({ headers }) => Number(headers['retry-after'])))
    expect([...retries].every((seconds) => seconds >= 1 && seconds <= 3)).toBe(true)
    expect(retries.size).toBeGreaterThan(1)
    expect((await busy.get('/v1/stock/rush')).body).toMatchObject({ held: made + 1 })
  })
})

describe('an API that lost Redis', () => {
  test('answers 503 and is not ready until Redis is back, then works again', async () => {
    const name = `${store.name}-lost`
    const { app } = await store.api({ redisUrl: proxy.url, stores: [name] })
    const cut = new HttpClient(app)
    await cut.put('/v1/stock/cup', { onHand: 10 })
    const hold = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }
    await cut.post('/v1/reservations', hold)
    const key = { 'idempotency-key': 'lost-reply' }
    proxy.loseReplyTo('lost-reply')
    expectProblem(await cut.post('/v1/reservations', hold, key), 'redis-unavailable')
    await eventually(async () => (await cut.get('/readyz')).status === 200, 'the API is ready again')
    const again = await cut.post('/v1/reservations', hold, key)
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true'])
    expect((await cut.get('/v1/stock/cup')).body).toMatchObject({ available: 8, held: 2 })
  })
})
