import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { startApi } from '../../src/api.js'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { openLog } from '../../src/log.js'
import { FenceWatcher, fenceSettings } from '../../src/recovery/fence-watcher.js'
import { StoreFence } from '../../src/stock/store-fence.js'
import { startWorker } from '../../src/worker.js'
import { eventually, openTestStore, type TestStore } from '../support/test-store.js'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-takeover-'))
const log = openLog('silent', 'test')
const ending: (() => Promise<void>)[] = []

afterAll(async () => {
  for (const end of ending.reverse()) await end()
  await rm(folder, { recursive: true, force: true })
})

async function redisOn(name: string): Promise<RedisServer> {
  const server = await startRedis({ folder: join(folder, name) })
  ending.push(() => server.stop())
  return server
}

async function serveOn(store: TestStore, server: RedisServer, withWorker: boolean) {
  const config = { ...store.config, redisUrl: server.url }
  const api = await startApi(config, log)
  const worker = withWorker ? await startWorker(config, log) : undefined
  const stop = async () => {
    await api.stop()
    await worker?.stop()
  }
  ending.push(stop)
  const services = api.stores.get(store.name)
  if (!services) throw new Error('the store is not served')
  const behind = async () =>
    ((await services.reader.position())?.sequence ?? 0) - services.watermark.current.sequence
  const call = async (method: 'POST' | 'PUT' | 'GET', url: string, payload?: object) => {
    const answer = await api.app.inject({ method, url, ...(payload && { payload }) })
    return { status: answer.statusCode, body: answer.json() as Record<string, unknown> }
  }
  return { call, services, stop, persisted: async () => (await behind()) === 0 }
}

const lastUnit = { customerId: 'customer-1', lines: [{ sku: 'last', quantity: 1 }] }

test('a server that was away while its replica sold the last unit does not sell it again', async () => {
  const store = await openTestStore()
  // The replica is a copy of the data as of now; what the first server does after is its own.
  const first = await redisOn('first')
  const before = await serveOn(store, first, true)
  expect((await before.call('PUT', '/v1/stock/last', { onHand: 1 })).status).toBe(201)
  await eventually(before.persisted, 'MySQL holds the stock')
  await before.stop()
  await cp(join(folder, 'first', 'appendonlydir'), join(folder, 'replica', 'appendonlydir'), {
    recursive: true,
  })
  const lonely = await serveOn(store, first, false)
  for (let i = 0; i < 5; i++) await lonely.call('PUT', `/v1/stock/other-${i}`, { onHand: 1 })
  await lonely.stop()
  await first.stop()

  const replica = await redisOn('replica')
  const during = await serveOn(store, replica, true)
  const sold = await during.call('POST', '/v1/reservations', lastUnit)
  expect(sold.status).toBe(201)
  const paid = await during.call('POST', `/v1/reservations/${sold.body.id}/confirm`, {})
  expect(paid).toMatchObject({ status: 200, body: { persisted: true } })
  await during.stop()
  await replica.stop()

  const again = await serveOn(store, await redisOn('first'), true)
  await eventually(() => again.services.fence.reason === undefined, 'the store is open again')
  expect(await again.call('POST', '/v1/reservations', lastUnit)).toMatchObject({
    status: 409,
    body: { type: 'urn:holdfast:insufficient-stock' },
  })
  expect(await again.call('GET', '/v1/stock/last')).toMatchObject({
    body: { available: 0, held: 0, sold: 1 },
  })
  await again.stop()
}, 60_000)

test('a claim that is not carried through takes the store from its owner for no longer than two looks', async () => {
  const store = await openTestStore()
  const selling = await serveOn(store, await redisOn('owner'), true)
  expect((await selling.call('PUT', '/v1/stock/last', { onHand: 1 })).status).toBe(201)
  await eventually(selling.persisted, 'MySQL holds the stock')
  const ledger = new StoreLedger(store.database, store.name)
  const owner = await ledger.row()
  expect(await ledger.claim('dead', owner)).toMatchObject({ server: 'dead', opened: false })
  const isOwnerAgain = async () => {
    const row = await ledger.row()
    return row.server === owner.server && row.opened
  }
  await eventually(isOwnerAgain, 'the owner has claimed the store back')
  const { body } = await selling.call('POST', '/v1/reservations', lastUnit)
  expect(await selling.call('POST', `/v1/reservations/${body.id}/confirm`, {})).toMatchObject({
    status: 200,
    body: { persisted: true },
  })

  // A restore that was begun makes the owner's data old.
  const claimed = await ledger.claim('dead', await ledger.row())
  await ledger.claimNextEpoch(claimed as NonNullable<typeof claimed>)
  const isSuperseded = () => selling.services.fence.reason?.includes('taken the store over') === true
  await eventually(isSuperseded, 'the owner is superseded')
  await selling.stop()
}, 60_000)

test('an owner takes nothing back from a server that is opened while it looks', async () => {
  const store = await openTestStore()
  const owner = await redisOn('late-owner')
  const selling = await serveOn(store, owner, true)
  expect((await selling.call('PUT', '/v1/stock/last', { onHand: 1 })).status).toBe(201)
  await eventually(selling.persisted, 'MySQL holds the stock')
  await selling.stop()
  class SlowClaimant extends StoreLedger {
    looks = 0
    override async row() {
      const row = await super.row()
      if (!row.opened && ++this.looks === 2) expect(await this.markOpened(row)).toBe(true)
      return row
    }
  }
  const ledger = new SlowClaimant(store.database, store.name)
  await ledger.claim('slow', await ledger.row())
  const redis = new Redis(owner.url)
  const fence = new StoreFence(redis, store.name)
  const watcher = new FenceWatcher(fence, ledger, { ...fenceSettings(store.config), intervalMs: 50 }, log)
  await watcher.start()
  await eventually(() => watcher.reason?.includes('taken the store over') === true, 'the owner knows')
  expect(await ledger.row()).toMatchObject({ server: 'slow', opened: true, watermark: { epoch: 1 } })
  await watcher.stop()
  redis.disconnect()
}, 60_000)

test('an empty server that cannot be restored takes the store from nobody', async () => {
  const store = await openTestStore()
  const selling = await serveOn(store, await redisOn('selling'), true)
  expect((await selling.call('PUT', '/v1/stock/last', { onHand: 1 })).status).toBe(201)
  await eventually(selling.persisted, 'MySQL holds the stock')
  const before = await store.database.store.findFirstOrThrow()
  const entry = { epoch: 1, sequence: 1, firstSequence: 1, state: 'discarded', record: '[]' } as const
  await store.database.quarantinedEntry.create({ data: { storeId: before.id, ...entry } })

  const stray = await serveOn(store, await redisOn('empty'), false)
  expect(stray.services.fence.reason).toMatch(/^Redis was empty .* see "holdfast quarantine"$/)
  expect(await store.database.store.findFirstOrThrow()).toMatchObject({
    server: before.server,
    generation: before.generation,
    opened: true,
  })
  expect((await selling.call('POST', '/v1/reservations', lastUnit)).status).toBe(201)
  await stray.stop()
  await selling.stop()
}, 60_000)

/** A process whose Redis dies when it is about to be opened, or right after it was. */
class DyingFence extends StoreFence {
  constructor(
    redis: Redis,
    store: string,
    private readonly dies: 'before' | 'after',
    private readonly kill: () => Promise<unknown>,
  ) {
    super(redis, store)
  }

  override async verify(...args: Parameters<StoreFence['verify']>) {
    if (args[2] !== 'open') return super.verify(...args)
    if (this.dies === 'after') await super.verify(...args)
    await this.kill()
    return super.verify(...args)
  }
}

test.each([
  ['before', 'alone'],
  ['after', 'alone'],
  ['before', 'with another one that claims the store and gets no further'],
] as const)(
  'a server that dies right %s it is opened, %s, keeps what MySQL does not hold yet',
  async (dies, company) => {
    const store = await openTestStore()
    const folderName = `dies-${dies}-${company}`
    const first = await redisOn(folderName)
    const before = await serveOn(store, first, true)
    expect((await before.call('PUT', '/v1/stock/last', { onHand: 1 })).status).toBe(201)
    await eventually(before.persisted, 'MySQL holds the stock')
    await before.stop()
    const alone = await serveOn(store, first, false)
    const held = await alone.call('POST', '/v1/reservations', lastUnit)
    expect(held.status).toBe(201)
    await alone.stop()
    await first.stop()

    const second = await redisOn(folderName)
    const redis = new Redis(second.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    const kill = async () => {
      process.kill(second.pid, 'SIGKILL')
      await second.exited
      await second.stop()
    }
    const fence = new DyingFence(redis, store.name, dies, kill)
    const ledger = new StoreLedger(store.database, store.name)
    const watcher = new FenceWatcher(fence, ledger, fenceSettings(store.config), log)
    await watcher.start()
    await watcher.stop()
    expect(await ledger.row()).toMatchObject({ opened: true, watermark: { sequence: 1 } })
    if (company !== 'alone') {
      expect(await ledger.claim('another', await ledger.row())).toMatchObject({ opened: false })
    }

    const last = await serveOn(store, await redisOn(folderName), true)
    await eventually(() => last.services.fence.reason === undefined, 'the store is open again')
    expect(last.services.fence.restores).toBe(0)
    expect(await last.call('POST', `/v1/reservations/${held.body.id}/confirm`, {})).toMatchObject({
      status: 200,
      body: { state: 'confirmed', persisted: true },
    })
    await last.stop()
  },
  60_000,
)
