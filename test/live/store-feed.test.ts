import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'
import type { Worker } from '../../src/worker.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { EventClient } from '../support/event-client.js'
import { Shopper } from '../support/shopper.js'
import { eventually } from '../support/test-store.js'

const lines = [{ sku: 'CUP', quantity: 1 }]

describe('who watches a store whose Redis', { timeout: 60_000 }, () => {
  let folder: string
  let redis: RedisServer
  let store: BriefStore
  let api: Api
  let shopper: Shopper
  let client: EventClient
  let worker: Worker

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-live-'))
    redis = await startRedis({ folder: join(folder, 'redis') })
    store = await openBriefStore({ redisUrl: redis.url, connectTimeoutMs: 1000, confirmWaitMs: 5000 })
    // The test's own connection outlives the server, too.
    store.redis.on('error', () => {})
    api = await store.api()
    shopper = new Shopper(api.app)
    worker = await store.worker()
    await eventually(isOpen, 'the store is open')
    await shopper.set('CUP', 10)
    client = await EventClient.open(await api.listen(), ['CUP'])
    await client.first('stock')
  })

  afterEach(async () => {
    client.close()
    await store.close()
    store.redis.disconnect()
    await redis.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const isOpen = async () => (await shopper.readyz()).status === 200
  const sells = async () => (await shopper.reserve({ lines })).status === 201
  const hold = async () => expect((await shopper.reserve({ lines })).status).toBe(201)
  const persisted = async () =>
    expect((await shopper.confirm((await shopper.reserve({ lines })).body.id)).status).toBe(200)

  test('restarts sees that it does not answer, and then what it sells again', async () => {
    await hold()
    await redis.stop()
    const away = await client.first('pulse', ({ readiness, persistence }) => {
      return readiness && !readiness.ready && persistence.entries === null
    })
    expect(away.readiness.reasons.join(' ')).toMatch(/cannot be reached/)
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
    const before = client.sums().holds ?? 0
    await eventually(sells, 'it sells')
    await eventually(() => client.counts('CUP')?.held === 2, 'the hold is told')
    // What is sold before the end of the ledger is followed again is not counted, so this goes on.
    expect((await shopper.set('CUP', 100_000)).status).toBe(200)
    const isCounted = async () => (await sells()) && (client.sums().holds ?? 0) > before
    await eventually(isCounted, 'what it sells is counted')
    await client.first('pulse', ({ readiness, at }) => readiness?.ready && at > away.at)
    expect(client.of('history')).toHaveLength(1)
  })

  test('lost the store sees the counts that were restored, though nothing happens', async () => {
    await persisted()
    await worker.stop()
    await hold()
    await eventually(() => client.counts('CUP')?.held === 1, 'the hold is told')
    await store.redis.flushall()
    await eventually(() => client.counts('CUP')?.held === 0, 'the counts of before are told')
    expect(client.counts('CUP')).toMatchObject({ available: 9, held: 0, sold: 1 })
    await hold()
    await eventually(() => client.counts('CUP')?.held === 1, 'the hold is told')
  })

  test('lost its newest part sees what MySQL has kept, though nothing happens', async () => {
    await persisted()
    await redis.stop()
    await cp(join(folder, 'redis'), join(folder, 'copy'), { recursive: true, verbatimSymlinks: true })
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
    await eventually(sells, 'it sells')
    await persisted()
    await worker.stop()
    await hold()
    await eventually(() => client.counts('CUP')?.held === 2, 'the hold is told')
    await redis.stop()
    await rm(join(folder, 'redis'), { recursive: true })
    await cp(join(folder, 'copy'), join(folder, 'redis'), { recursive: true, verbatimSymlinks: true })
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
    await eventually(() => client.counts('CUP')?.held === 1, 'the counts of before are told')
    expect(client.counts('CUP')).toMatchObject({ available: 7, sold: 2 })
    expect(await store.redis.hget(store.keys.position, 'epoch')).toBe('2')
  })
})
