import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { openLog } from '../../src/log.js'
import { MemoryGuard } from '../../src/recovery/memory-guard.js'
import { StockReader } from '../../src/stock/stock-reader.js'
import { openBriefStore } from '../support/brief-store.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually } from '../support/test-store.js'

const lines = [{ sku: 'cup', quantity: 1 }]
const hold = { customerId: 'c', lines }
const unreachable = 'mysql://nobody@127.0.0.1:1/nothing'

const { url } = await openPrivateRedis()
const admin = new Redis(url)
// So much that a connection's buffers are no part of a percent.
await admin.set('ballast', 'x'.repeat(20_000_000))
const store = await openBriefStore({ redisUrl: url, confirmWaitMs: 0 })
const lagging = await openBriefStore({ redisUrl: url, confirmWaitMs: 0, ledgerLagMax: 40 })

afterAll(() => admin.disconnect())

/** Gives Redis as much memory as makes what it uses this percentage of it. */
async function setUsedPercent(percent: number): Promise<void> {
  const { usedBytes } = await new StockReader(admin, store.name).memory()
  await admin.config('SET', 'maxmemory', Math.round((100 * usedBytes) / percent))
}

describe('a Redis that is nearly full', () => {
  test('takes no new reservations, and everything else', async () => {
    const { app } = await store.api()
    const client = new HttpClient(app)
    await client.put('/v1/stock/cup', { onHand: 100_000 })
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await client.post('/v1/reservations', hold)).body.id)
    await setUsedPercent(93)
    const isPaused = async () => (await client.post('/v1/reservations', hold)).body.type?.toString()
    await eventually(async () => (await isPaused()) === 'urn:holdfast:holds-paused', 'holds are paused')

    const before = await dumpStore(store.redis, store.name)
    const refused = await client.post('/v1/reservations', hold, { 'idempotency-key': 'order-1' })
    expectProblem(refused, 'holds-paused')
    // Whether an earlier call with the key made one is not looked at.
    expect(refused.body.title).toBe('New reservations are paused; repeat the call with the same key.')
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.body.detail).toMatch(
      /^Redis uses 9\d\.\d % of its maxmemory, and reservations are taken again below 85\.5 %\.$/,
    )
    expect(await dumpStore(store.redis, store.name)).toEqual(before)

    expect((await client.post(`/v1/reservations/${ids[0]}/confirm`)).status).toBe(202)
    expect((await client.post(`/v1/reservations/${ids[1]}/release`)).status).toBe(200)
    expect((await client.post(`/v1/reservations/${ids[2]}/extend`, { ttlSeconds: 3600 })).status).toBe(200)
    expect((await client.post('/v1/stock/cup/adjustments', { quantity: -1 })).status).toBe(200)

    const ready = await client.get('/readyz')
    expect(ready).toMatchObject({
      status: 200,
      body: { ready: true, stores: { [store.name]: { open: true, takesHolds: false } } },
    })
    expect(ready.body.reasons).toEqual([
      expect.stringMatching(new RegExp(`^The store ${store.name} takes no new reservations: Redis uses`)),
    ])
    const metrics = (await client.get('/metrics')).text
    expect(metrics).toContain(`holdfast_holds_paused{store="${store.name}"} 1\n`)
    expect(metrics).toMatch(
      new RegExp(`holdfast_redis_memory_used_ratio\\{store="${store.name}"\\} 0\\.9\\d`),
    )

    await setUsedPercent(50)
    const again = async () => (await client.post('/v1/reservations', hold)).status === 201
    await eventually(again, 'holds are taken again')
    expect((await client.get('/readyz')).body.reasons).toEqual([])
  })

  test('without maxmemory takes them all and warns', async () => {
    await admin.config('SET', 'maxmemory', '0')
    const client = new HttpClient((await store.api()).app)
    expect((await client.post('/v1/reservations', hold)).status).toBe(201)
    const { status, body } = await client.get('/readyz')
    expect(status).toBe(200)
    expect(body.reasons).toContainEqual(expect.stringMatching(/^Redis has no maxmemory: /))
    expect((await client.get('/metrics')).text).not.toMatch(/^holdfast_redis_memory_used_ratio\{/m)
  })
})

describe('the memory guard', () => {
  const log = openLog('silent', 'test')

  test('pauses at its limit and takes holds again only well below it', async () => {
    const settings = { memoryPercentMax: 80, ledgerLagMax: 0, intervalMs: 5 }
    const guard = new MemoryGuard(new StockReader(admin, store.name), () => 0, settings, log)
    await guard.start()
    const seesPercent = async (percent: number) => {
      await setUsedPercent(percent)
      const near = () => Math.abs((guard.memoryShare ?? 0) * 100 - percent) < 1
      await eventually(near, `it has seen ${percent} %`)
      return guard.reason
    }
    expect(await seesPercent(78)).toBeUndefined()
    expect(await seesPercent(82)).toMatch(/^Redis uses 8\d\.\d % of its maxmemory/)
    expect(await seesPercent(78)).toMatch(/^Redis uses 7\d\.\d % of its maxmemory.* below 76 %/)
    expect(await seesPercent(74)).toBeUndefined()
    expect(await seesPercent(78)).toBeUndefined()
    await guard.stop()
    await admin.config('SET', 'maxmemory', '0')
  })

  test('keeps its verdict while Redis does not answer', async () => {
    const own = new Redis(url, { enableOfflineQueue: false, lazyConnect: true })
    await own.connect()
    await setUsedPercent(95)
    const settings = { memoryPercentMax: 80, ledgerLagMax: 0, intervalMs: 5 }
    const guard = new MemoryGuard(new StockReader(own, store.name), () => 0, settings, log)
    await guard.start()
    const { reason } = guard
    expect(reason).toMatch(/^Redis uses/)
    own.disconnect()
    await guard.stop()
    await admin.config('SET', 'maxmemory', '0')
    expect(guard.reason).toBe(reason)
  })
})

describe('a MySQL that is behind', () => {
  test('pauses new reservations at the limit until its writer has caught up', async () => {
    const client = new HttpClient((await lagging.api()).app)
    await client.put('/v1/stock/cup', { onHand: 1000 })
    const ids: string[] = []
    const isPaused = async () => {
      const { status, body } = await client.post('/v1/reservations', hold)
      if (status === 201) ids.push(body.id)
      return status === 503
    }
    await eventually(isPaused, 'holds are paused')
    expect(ids.length).toBeGreaterThanOrEqual(39)
    const refused = await client.post('/v1/reservations', hold)
    expectProblem(refused, 'holds-paused')
    expect(refused.body.detail).toMatch(
      /^MySQL lacks \d+ ledger entries, and reservations are taken again below 38\.$/,
    )
    expect((await client.post(`/v1/reservations/${ids[0]}/confirm`)).status).toBe(202)
    expect((await client.post(`/v1/reservations/${ids[1]}/release`)).status).toBe(200)

    await lagging.worker()
    const again = async () => (await client.post('/v1/reservations', hold)).status === 201
    await eventually(again, 'holds are taken again')
    // More than the limit by now, all of it persisted: what counts is what MySQL lacks.
    expect(Number(await admin.hget(lagging.keys.position, 'sequence'))).toBeGreaterThan(40)
  })

  test('is known to an API that started after it went away', async () => {
    await eventually(async () => {
      const [newest, told] = await Promise.all([
        admin.hget(lagging.keys.position, 'sequence'),
        admin.get(lagging.keys.watermark),
      ])
      return told?.endsWith(`-${newest}`) ?? false
    }, 'MySQL holds everything')
    const api = await lagging.api({ databaseUrl: unreachable, connectTimeoutMs: 500 })
    const late = new HttpClient(api.app)
    expect((await late.post('/v1/reservations', hold)).status).toBe(201)
  })
})
