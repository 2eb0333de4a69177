import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'
import type { Worker } from '../../src/worker.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { type Answer, Shopper } from '../support/shopper.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually } from '../support/test-store.js'

const lines = [{ sku: 'CUP', quantity: 1 }]

describe('a store whose Redis went through something', { timeout: 60_000 }, () => {
  let folder: string
  let redis: RedisServer
  let mysql: TcpProxy
  let store: BriefStore
  let api: Api
  let shopper: Shopper
  let heldId: string
  let worker: Worker
  let startWorker: () => Promise<Worker>

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-fence-'))
    redis = await startRedis({ folder: join(folder, 'redis') })
    mysql = await TcpProxy.open(inject('databaseUrl'))
    store = await openBriefStore({ redisUrl: redis.url, connectTimeoutMs: 1000, confirmWaitMs: 5000 })
    const behind = new URL(mysql.url)
    behind.pathname = new URL(store.config.databaseUrl).pathname
    // The test's own connection outlives the server, too.
    store.redis.on('error', () => {})
    api = await store.api({ databaseUrl: behind.href })
    shopper = new Shopper(api.app)
    startWorker = () => store.worker({ databaseUrl: behind.href })
    worker = await startWorker()
    expect((await shopper.set('CUP', 10)).status).toBe(201)
    heldId = (await shopper.reserve({ lines })).body.id
    expect((await shopper.confirm((await shopper.reserve({ lines })).body.id)).status).toBe(200)
    await expectInvariants(store)
  })

  afterEach(async () => {
    await mysql.plug()
    await store.close()
    await mysql.unplug()
    store.redis.disconnect()
    await redis.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const restart = async () => {
    await redis.stop()
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
  }

  /** Every kind of change, none of which may be made. */
  const everyChange = (): Promise<Answer[]> =>
    Promise.all([
      shopper.reserve({ lines }, 'order-1'),
      shopper.reserve({ lines: [{ sku: 'NEW', quantity: 1 }] }),
      shopper.confirm(heldId),
      shopper.release(heldId),
      shopper.extend(heldId, 1800),
      shopper.set('CUP', 5),
      shopper.set('NEW', 5),
      shopper.adjust('CUP', 1),
      shopper.adjust('NEW', 1),
    ])

  const reasons = async () => {
    const { status, body } = await shopper.readyz()
    return status === 503 ? body.reasons.join(' ') : ''
  }

  /** Whatever was noticed of it so far: no change is made and none is judged. */
  const expectChangesRefused = async () => {
    for (const { status, body } of await everyChange()) {
      expect([status, body.type]).toEqual([503, 'urn:holdfast:store-fenced'])
    }
  }

  const expectFenced = async () => {
    await expectChangesRefused()
    expect(await reasons()).toContain(`The store ${store.name} is fenced: `)
  }

  const isFenced = async () => /is fenced/.test(await reasons()) && store.redis.status === 'ready'
  /** A change that changes nothing is made: readiness alone may not have noticed a restart yet. */
  const isOpen = async () =>
    (await shopper.extend(heldId, 1)).status === 200 && (await shopper.readyz()).status === 200

  test('is fenced after a restart until it was compared with MySQL, and then opens by itself', async () => {
    await mysql.unplug()
    await restart()
    await eventually(isFenced, 'the restart was noticed')
    await expectFenced()
    await mysql.plug()
    await eventually(isOpen, 'it is open again')
    expect((await shopper.confirm(heldId)).status).toBe(200)
    const { redis: state } = await expectInvariants(store)
    expect(state.counts.get('CUP')).toEqual({ available: 8, held: 0, sold: 2 })
  })

  test('never answers from an empty server, not even that a SKU is unknown', async () => {
    await mysql.unplug()
    await store.redis.flushall()
    await expectChangesRefused()
    await eventually(isFenced, 'the loss was noticed')
    await expectFenced()
    expect(await store.redis.exists(store.keys.stock, store.keys.ledger)).toBe(0)
    await mysql.plug()
    await eventually(isOpen, 'it is open again')
    expect((await shopper.confirm(heldId)).status).toBe(200)
    const { redis: state } = await expectInvariants(store)
    expect(state.counts.get('CUP')).toEqual({ available: 8, held: 0, sold: 2 })
  })

  test('names the row in MySQL that keeps it from being restored, and opens once that is mended', async () => {
    const mend = (column: 'lines' | 'customer_id', value: string) =>
      store.database.$executeRawUnsafe(
        `UPDATE reservations SET \`${column}\` = ? WHERE id = ?`,
        value,
        heldId,
      )
    await eventually(async () => (await mend('lines', 'none')) === 1, 'MySQL has the reservation')
    await store.redis.flushall()
    const lines = new RegExp(`the row of reservation ${heldId} in MySQL cannot be read: .* mend it`)
    await eventually(async () => lines.test(await reasons()), 'the row is named')
    await expectFenced()
    await mend('lines', 'CUP:1')
    await mend('customer_id', 'a\tb')
    const record = `MySQL's record of reservation ${heldId} cannot be written to Redis; mend the row`
    await eventually(async () => (await reasons()).includes(record), 'the record is named')
    await mend('customer_id', 'c')
    await eventually(isOpen, 'it is open again')
    expect((await shopper.confirm(heldId)).status).toBe(200)
  })

  test.each([
    ['lines that are none', { lines: 'none' }, { lines: 'CUP:1' }],
    ['a SKU twice', { lines: 'CUP:1,CUP:1' }, { lines: 'CUP:1' }],
    ['a control character', { customerId: 'c\u0007' }, { customerId: 'customer-1' }],
    ['a state that has no end', { state: 'held' }, { state: 'confirmed' }],
  ] as const)(
    'opens in spite of a row of an ended reservation with %s, and makes no second of its key',
    async (what, damage, mended) => {
      const key = what.replaceAll(' ', '-')
      const { body } = await shopper.reserve({ lines, customerId: 'customer-1' }, key)
      expect((await shopper.confirm(body.id)).body.persisted).toBe(true)
      const update = (data: { lines?: string; customerId?: string; state?: 'held' | 'confirmed' }) =>
        store.database.reservation.updateMany({ where: { id: body.id }, data })
      const counts = await store.redis.hget(store.keys.stock, 'CUP')
      await update(damage)
      await store.redis.flushall()
      await eventually(isOpen, 'it is open again')
      expect((await shopper.reserve({ lines, customerId: 'customer-1' }, key)).status).toBe(500)
      expect((await shopper.confirm(body.id)).status).toBe(500)
      // Neither sold nor given back a second time.
      expect(await store.redis.zscore(store.keys.deadlines, body.id)).toBeNull()
      expect(await store.redis.hget(store.keys.stock, 'CUP')).toBe(counts)
      await update(mended)
      const reconciler = api.stores.get(store.name)?.reconciler
      await reconciler?.run({ repair: true })
      expect((await shopper.reserve({ lines, customerId: 'customer-1' }, key)).body.id).toBe(body.id)
      expect(await reconciler?.run({ repair: false })).toMatchObject({ drifted: [] })
    },
  )

  test('is emptied while shoppers are at it and sells only what was there', async () => {
    let done = false
    const sold = new Set<string>()
    const statuses = new Set<string>()
    const shop = async (lane: number) => {
      while (!done) {
        const { status, body } = await shopper.reserve({ lines })
        statuses.add(`${status} ${body.type ?? ''}`)
        if (status !== 201) continue
        // Half of them never wait for MySQL, so that the loss does not find all of them waiting.
        const buys = lane % 2 === 0
        const { status: ended } = await (buys ? shopper.confirm(body.id) : shopper.release(body.id))
        if (buys && ended === 200) sold.add(body.id)
      }
    }
    await shopper.set('CUP', 1_000_000)
    const shoppers = Promise.all(Array.from({ length: 8 }, (_, lane) => shop(lane)))
    await eventually(() => sold.size > 50, 'sales are made')
    const before = sold.size
    await store.redis.flushall()
    await eventually(() => sold.size > before + 50, 'sales go on')
    done = true
    await shoppers
    expect([...statuses].sort()).toEqual(['201 ', '503 urn:holdfast:store-fenced'])
    const { mysql: state } = await expectInvariants(store)
    for (const id of sold) expect(state.reservations.get(id)?.state).toBe('confirmed')
  })

  test('does not call a payment kept that the loss took along', async () => {
    await worker.stop()
    const { id } = (await shopper.reserve({ lines })).body
    const paying = shopper.confirm(id)
    const record = async () => (await store.redis.hget(store.keys.reservations, id)) ?? ''
    await eventually(async () => (await record()).startsWith('confirmed'), 'Redis holds the payment')
    await store.redis.flushall()
    await eventually(isOpen, 'the store was restored')
    await startWorker()
    expect((await paying).body.persisted).not.toBe(true)
    expect((await shopper.read(id)).status).toBe(404)
    const { mysql: state } = await expectInvariants(store)
    expect(state.counts.get('CUP')).toEqual({ available: 8, held: 1, sold: 1 })
  })

  test('does not call a payment kept that MySQL lacks since it was set back to a backup', async () => {
    expect((await shopper.confirm(heldId)).status).toBe(200)
    await worker.stop()
    await store.database.$executeRaw`DELETE FROM ledger WHERE sequence > 4`
    await store.database.$executeRaw`UPDATE stores SET sequence = 4`
    await eventually(async () => (await shopper.confirm(heldId)).status === 202, 'that was noticed')
    expect((await shopper.confirm(heldId)).body.persisted).toBe(false)
  })

  test('sells nothing from a server that lost its newest part', async () => {
    await redis.stop()
    await cp(join(folder, 'redis'), join(folder, 'copy'), { recursive: true, verbatimSymlinks: true })
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
    await eventually(isOpen, 'it is open again')
    for (let i = 0; i < 8; i++) {
      const { body } = await shopper.reserve({ lines })
      expect((await shopper.confirm(body.id)).status).toBe(200)
    }
    expect((await shopper.reserve({ lines })).status).toBe(409)

    await mysql.unplug()
    await redis.stop()
    await rm(join(folder, 'redis'), { recursive: true })
    await cp(join(folder, 'copy'), join(folder, 'redis'), { recursive: true, verbatimSymlinks: true })
    redis = await startRedis({ folder: join(folder, 'redis'), port: redis.port })
    await eventually(isFenced, 'the restart was noticed')
    expect(await store.redis.hget(store.keys.stock, 'CUP')).toBe('8 1 1')
    await expectFenced()
    await mysql.plug()
    await eventually(isOpen, 'it is open again')
    expect((await shopper.reserve({ lines })).status).toBe(409)
    expect((await shopper.release(heldId)).status).toBe(200)
    const { redis: state } = await expectInvariants(store)
    expect(state.counts.get('CUP')).toEqual({ available: 1, held: 0, sold: 9 })
  })

  test('is fenced when a process starts and MySQL cannot be asked', async () => {
    await restart()
    await eventually(isOpen, 'it is open again')
    await store.close()
    await restart()
    await eventually(() => store.redis.status === 'ready', 'Redis is back')
    await mysql.unplug()
    const behind = new URL(mysql.url)
    behind.pathname = new URL(store.config.databaseUrl).pathname
    shopper = new Shopper((await store.api({ databaseUrl: behind.href })).app)
    await expectFenced()
    await mysql.plug()
    await eventually(isOpen, 'it is open')
    expect((await shopper.release(heldId)).status).toBe(200)
  })
})
