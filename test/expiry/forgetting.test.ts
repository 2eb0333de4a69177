import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually, type TestStore } from '../support/test-store.js'

const retentionMs = 1000

describe('reservations that ended', () => {
  let store: TestStore
  let proxy: TcpProxy
  let shopper: Shopper

  beforeAll(async () => {
    store = await openBriefStore({
      retentionSeconds: retentionMs / 1000,
      sweepMs: 100,
      confirmWaitMs: 0,
      connectTimeoutMs: 1000,
    })
    proxy = await TcpProxy.open(inject('databaseUrl'))
    const behind = new URL(proxy.url)
    behind.pathname = new URL(store.config.databaseUrl).pathname
    shopper = new Shopper((await store.api()).app)
    await store.worker({ databaseUrl: behind.href })
    await shopper.set('CUP', 100)
  })

  afterAll(() => proxy.unplug())

  const nowMs = async () => {
    const [seconds, microseconds] = await store.redis.time()
    return Number(seconds) * 1000 + Number(microseconds) / 1000
  }
  const inRedis = async (id: string) => (await store.redis.hexists(store.keys.reservations, id)) === 1
  const lines = [{ sku: 'CUP', quantity: 1 }]

  test('leave Redis with their keys after the retention, not before, and stay readable', async () => {
    const held = await shopper.reserve({ lines }, 'still-held')
    const { body } = await shopper.reserve({ lines }, 'order-1')
    const ended = await shopper.release(body.id)
    const endedMs = Date.parse(ended.body.closedAt)
    await eventually(async () => !(await inRedis(body.id)), 'it has left Redis')
    expect((await nowMs()) - endedMs).toBeGreaterThanOrEqual(retentionMs)
    expect(await shopper.read(body.id)).toMatchObject({
      status: 200,
      body: { id: body.id, state: 'released', closedAt: ended.body.closedAt, persisted: true },
    })
    expect((await shopper.release(body.id)).status).toBe(200)
    const again = await shopper.reserve({ lines }, 'order-1')
    expect(again).toMatchObject({ status: 201, replayed: false })
    expect(again.body.id).not.toBe(body.id)
    // What is held is never forgotten, however long it is held.
    expect(await inRedis(held.body.id)).toBe(true)
    expect(await shopper.reserve({ lines }, 'still-held')).toMatchObject({ status: 200, replayed: true })
    await expectInvariants(store)
  })

  test('stay in Redis past the retention for as long as MySQL does not hold how they ended', async () => {
    const { body } = await shopper.reserve({ lines }, 'order-2')
    await expectInvariants(store)
    await proxy.unplug()
    const ended = await shopper.confirm(body.id, { paymentRef: 'p' })
    expect(ended.status).toBe(202)
    // Others that MySQL lacks, later: the first one must not take them along.
    const later = await shopper.reserve({ lines })
    await shopper.release(later.body.id)
    const endedMs = Date.parse(ended.body.closedAt)
    await eventually(async () => (await nowMs()) - endedMs > retentionMs + 1000, 'ten sweeps were due')
    expect([await inRedis(body.id), await inRedis(later.body.id)]).toEqual([true, true])
    expect((await shopper.confirm(body.id, { paymentRef: 'p' })).status).toBe(202)
    await proxy.plug()
    await eventually(async () => !(await inRedis(body.id)), 'it has left Redis')
    expect(await shopper.read(body.id)).toMatchObject({ status: 200, body: { state: 'confirmed' } })
    expect((await shopper.confirm(body.id, { paymentRef: 'p' })).status).toBe(200)
    await expectInvariants(store)
  })
})
