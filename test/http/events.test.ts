import { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { EventClient } from '../support/event-client.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { Shopper } from '../support/shopper.js'
import { eventually, openTestStore } from '../support/test-store.js'

const quietRedis = await openPrivateRedis()
const store = await openTestStore()
const quietStore = await openTestStore({ redisUrl: quietRedis.url })

let api: Api
let url: string
let shopper: Shopper

beforeAll(async () => {
  api = await store.api({ confirmWaitMs: 0 })
  url = await api.listen()
  shopper = new Shopper(api.app)
  await store.worker({ sweepMs: 100 })
})

const one = (sku: string) => ({ lines: [{ sku, quantity: 1 }] })

describe('the pulses of a store', () => {
  test('tell exactly what happened in it, each once', async () => {
    await shopper.set('PULSE', 9)
    const client = await EventClient.open(url)
    await client.first('pulse')
    const ids: string[] = []
    for (let i = 0; i < 9; i++) ids.push((await shopper.reserve(one('PULSE'))).body.id)
    for (let i = 0; i < 3; i++) expect((await shopper.reserve(one('PULSE'))).status).toBe(409)
    for (let i = 0; i < 2; i++) expect((await shopper.reserve(one('NO-SUCH'))).status).toBe(404)
    for (const id of ids.slice(0, 4)) expect((await shopper.confirm(id)).status).toBeLessThan(300)
    for (const id of ids.slice(4, 7)) expect((await shopper.release(id)).status).toBe(200)
    for (const id of ids.slice(7)) await makeOverdue(store.redis, store.keys, id)
    const expected = { holds: 9, refusals: 5, confirms: 4, releases: 3, expiries: 2 }
    await eventually(() => (client.sums().expiries ?? 0) > 1.9, 'the expiries are told')
    await eventually(() => (client.sums().refusals ?? 0) > 4.9, 'the refusals are told')
    // What is told twice would be told within the next one.
    const seen = client.of('pulse').length
    await eventually(() => client.of('pulse').length > seen, 'there is another pulse')
    for (const [name, count] of Object.entries(expected)) {
      expect(client.sums()[name], name).toBeCloseTo(count, 0)
    }
  })

  test('come once a second with the lag, how much there is, and the readiness', async () => {
    const client = await EventClient.open(url)
    const pulse = await client.first('pulse', ({ readiness, totals }) => readiness && totals)
    const skus = await store.redis.zcard(store.keys.skus)
    expect(pulse).toMatchObject({
      persistence: { entries: expect.any(Number), seconds: expect.any(Number) },
      expiryLagSeconds: expect.any(Number),
      totals: { skus },
      readiness: { ready: true, stores: { [store.name]: { open: true } } },
    })
    const history = client.of('history')
    expect(history).toHaveLength(1)
    for (const earlier of history[0].pulses) expect(earlier).not.toHaveProperty('readiness')
    await eventually(() => client.of('pulse').length >= 4, 'some more have come')
    const times = client.of('pulse').map(({ at }) => Date.parse(at))
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
    for (const gap of gaps) expect(gap).toBeGreaterThan(500)
  })

  test('add up what several processes refuse, for whoever watches any of them', async () => {
    const other = await store.api()
    const otherUrl = await other.listen()
    const otherShopper = new Shopper(other.app)
    const clients = [await EventClient.open(url), await EventClient.open(otherUrl)]
    for (const client of clients) await client.first('pulse')
    for (let i = 0; i < 4; i++) await shopper.reserve(one('NO-SUCH'))
    for (let i = 0; i < 7; i++) await otherShopper.reserve(one('NO-SUCH'))
    for (const client of clients) {
      await eventually(() => (client.sums().refusals ?? 0) > 10.5, 'all refusals are told')
      expect(client.sums().refusals).toBeCloseTo(11, 0)
    }
  })

  test('tell how late the oldest overdue reservation is, and how long MySQL has lacked an entry', async () => {
    const late = await quietStore.api()
    const lateShopper = new Shopper(late.app)
    await eventually(async () => (await lateShopper.readyz()).status === 200, 'the store is open')
    await lateShopper.set('LATE', 5)
    const { id } = (await lateShopper.reserve(one('LATE'))).body
    await makeOverdue(quietStore.redis, quietStore.keys, id, 60_000)
    const client = await EventClient.open(await late.listen())
    // Nobody persists and nobody expires here.
    const pulse = await client.first('pulse', ({ persistence }) => persistence.seconds > 0)
    expect(pulse.persistence.entries).toBe(2)
    expect(pulse.expiryLagSeconds).toBeGreaterThanOrEqual(60)
    expect(pulse.expiryLagSeconds).toBeLessThan(120)
    await late.stop()
  })

  test('of before are told to who comes later', async () => {
    const early = await EventClient.open(url)
    await eventually(() => early.of('pulse').length >= 2, 'there are pulses')
    early.close()
    const late = await EventClient.open(url)
    const newest = await late.first('pulse')
    const { pulses } = await late.first('history')
    const times = pulses.map(({ at }: { at: string }) => at)
    const [seen] = early.of('pulse')
    expect(times).toContain(seen.at)
    expect(times).not.toContain(newest.at)
    expect([...times].sort()).toEqual(times)
  })
})

describe('the counts of watched SKUs', () => {
  test('are told at first, and again when they change; others are not', async () => {
    await shopper.set('WATCHED', 10)
    await shopper.set('UNWATCHED', 10)
    const client = await EventClient.open(url, ['WATCHED', 'COMES-LATER', 'WATCHED'])
    expect(await client.first('stock')).toEqual({
      items: [{ sku: 'WATCHED', available: 10, held: 0, sold: 0, onHand: 10 }],
    })
    await shopper.reserve(one('UNWATCHED'))
    const cart = { lines: ['UNWATCHED', 'WATCHED'].map((sku) => ({ sku, quantity: 2 })) }
    const { id } = (await shopper.reserve(cart)).body
    await eventually(() => client.counts('WATCHED')?.held === 2, 'the hold is told')
    await shopper.confirm(id)
    await eventually(() => client.counts('WATCHED')?.sold === 2, 'the sale is told')
    expect(client.counts('WATCHED')).toEqual({ sku: 'WATCHED', available: 8, held: 0, sold: 2, onHand: 8 })
    await shopper.set('COMES-LATER', 3)
    await eventually(() => client.counts('COMES-LATER')?.available === 3, 'the new SKU is told')
    const told = client.of('stock').flatMap(({ items }) => items.map(({ sku }: { sku: string }) => sku))
    expect(new Set(told)).toEqual(new Set(['WATCHED', 'COMES-LATER']))
  })

  test('are told a few times a second however often they change, and the last is right', async () => {
    await shopper.set('BUSY', 1000)
    const client = await EventClient.open(url, ['BUSY'])
    await client.first('stock')
    const beganMs = Date.now()
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 10 }, () => shopper.reserve(one('BUSY'))))
    }
    await eventually(() => client.counts('BUSY')?.held === 200, 'the last change is told')
    const seconds = (Date.now() - beganMs) / 1000
    expect(client.of('stock').length).toBeLessThanOrEqual(4 * seconds + 3)
    const held = client.of('stock').map(({ items }) => items[0].held)
    expect([...held].sort((a, b) => a - b)).toEqual(held)
  })

  test('of a hundred SKUs are told to each of many who watch', async () => {
    const skus = Array.from({ length: 100 }, (_, i) => `MANY-${i}`)
    await Promise.all(skus.map((sku, i) => shopper.set(sku, i)))
    const clients = await Promise.all(Array.from({ length: 20 }, () => EventClient.open(url, skus)))
    for (const client of clients) {
      const { items } = await client.first('stock')
      expect(items.map(({ sku, available }: { sku: string; available: number }) => [sku, available])).toEqual(
        skus.map((sku, i) => [sku, i]),
      )
    }
    await shopper.adjust('MANY-7', 500)
    for (const client of clients) {
      await eventually(() => client.counts('MANY-7')?.available === 507, 'the change is told')
      expect(client.of('stock').at(-1).items).toHaveLength(1)
      client.close()
    }
  })
})

describe('a comparison of Redis with MySQL', () => {
  test('tells how far it is, and that it is done', async () => {
    const client = await EventClient.open(url)
    await client.first('history')
    const http = new HttpClient(api.app)
    const { status, body } = await http.post('/v1/reconciliations', {})
    expect(status).toBe(200)
    const last = await client.first('reconciliation', ({ done }) => done)
    expect(last).toMatchObject({ phase: 'sums', drifted: body.driftedTotal })
    expect(client.of('reconciliation').filter(({ done }) => done)).toHaveLength(1)
    const later = await EventClient.open(url)
    await later.first('pulse')
    expect(later.of('reconciliation')).toEqual([])
  })
})

describe('an event stream', () => {
  test('is one that no cache or proxy keeps, and its connection is not used again', async () => {
    const { response } = await EventClient.open(url)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      connection: 'close',
      'x-request-id': expect.any(String),
    })
  })

  test.for([
    'skus=',
    'skus=a,,b',
    'skus=a b',
    `skus=${'x'.repeat(65)}`,
    `skus=${Array.from({ length: 101 }, (_, i) => i)}`,
    'sku=a',
    'skus=a&skus=b',
  ])('is refused for %s', async (query) => {
    expectProblem(await new HttpClient(api.app).get(`/v1/events?${query}`), 'invalid-request')
  })

  test('has no answer to HEAD', async () => {
    const answer = await api.app.inject({ method: 'HEAD', url: '/v1/events' })
    expect(answer.statusCode).toBe(404)
  })

  test('more than are allowed is refused with 503, until one has ended', async () => {
    const small = await store.api({ eventStreamsMax: 2 })
    const smallUrl = await small.listen()
    const clients = [await EventClient.open(smallUrl), await EventClient.open(smallUrl)]
    const http = new HttpClient(small.app)
    expectProblem(await http.get('/v1/events'), 'too-many-streams')
    clients[0]?.close()
    const opens = () => EventClient.open(smallUrl).then(Boolean, () => false)
    await eventually(opens, 'there is room for another one')
    expectProblem(await http.get('/v1/events'), 'too-many-streams')
  })

  test('ends with a goodbye when the process stops, and does not hold it up', async () => {
    const stopping = await store.api({ drainMs: 0, shutdownMs: 60_000 })
    const stoppingUrl = await stopping.listen()
    const clients = await Promise.all(Array.from({ length: 5 }, () => EventClient.open(stoppingUrl)))
    for (const client of clients) await client.first('history')
    const beganMs = Date.now()
    await stopping.stop()
    expect(Date.now() - beganMs).toBeLessThan(20_000)
    for (const client of clients) {
      expect(await client.ended).toBe('by the server')
      expect(client.events.at(-1)?.name).toBe('closing')
    }
  })

  test('costs Redis nothing while nobody watches', async () => {
    const quiet = await quietStore.api()
    const quietUrl = await quiet.listen()
    const redis = new Redis(quietRedis.url)
    const waiting = async () => ((await redis.client('LIST')) as string).includes('cmd=xread')
    const listeners = async () =>
      ((await redis.pubsub('NUMSUB', quietStore.keys.refusals)) as (string | number)[])[1]
    expect([await waiting(), await listeners()]).toEqual([false, 0])
    const client = await EventClient.open(quietUrl)
    await client.first('pulse')
    expect([await waiting(), await listeners()]).toEqual([true, 1])
    client.close()
    await eventually(async () => !(await waiting()), 'the tail of the ledger is let go')
    expect(await listeners()).toBe(0)
    await redis.config('RESETSTAT')
    await eventually(
      async () => /cmdstat_info:calls=([4-9]|\d\d)/.test(await redis.info('commandstats')),
      'the guard has looked some times',
    )
    const stats = await redis.info('commandstats')
    for (const command of ['xread', 'xrange', 'zcard', 'time', 'evalsha']) {
      expect(stats).not.toContain(`cmdstat_${command}:`)
    }
    redis.disconnect()
  })
})
