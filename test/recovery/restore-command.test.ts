import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { runRestore } from '../../src/commands/restore.js'
import { type Config, ConfigError } from '../../src/config.js'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'
import { StartupError } from '../../src/embedded/startup-error.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually } from '../support/test-store.js'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-restore-'))
const servers: RedisServer[] = []
const clients: Redis[] = []
const lines = [{ sku: 'CUP', quantity: 1 }]

// Registered before the stores, so that it runs after they have ended.
afterAll(async () => {
  for (const client of clients) client.disconnect()
  for (const server of servers) await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const first = await openRedis('first')
const stores = {
  superseded: await openBriefStore(settingsOn(first)),
  live: await openBriefStore(settingsOn(first)),
  setBack: await openBriefStore(settingsOn(first)),
  empty: await openBriefStore(settingsOn(first)),
  overwritten: await openBriefStore(settingsOn(first)),
}

async function openRedis(name: string): Promise<RedisServer> {
  const server = await startRedis({ folder: join(folder, name), settings: { maxmemory: '256mb' } })
  servers.push(server)
  return server
}

function settingsOn(server: RedisServer): Partial<Config> {
  return { redisUrl: server.url, confirmWaitMs: 5000, connectTimeoutMs: 2000 }
}

function clientOf(server: RedisServer): Redis {
  const client = new Redis(server.url)
  clients.push(client)
  return client
}

/** Runs the command and returns its exit status and what it printed. */
async function restore(config: Config, ...args: string[]): Promise<{ status: number; printed: string }> {
  const printed: string[] = []
  const out = vi.spyOn(console, 'log').mockImplementation((line) => printed.push(String(line)))
  const err = vi.spyOn(console, 'error').mockImplementation((line) => printed.push(String(line)))
  try {
    return { status: await runRestore(config, args), printed: printed.join('\n') }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

/** An API on a store, as a storefront and as an operator see it. */
async function shopAt(store: BriefStore, overrides: Partial<Config> = {}) {
  const api = await store.api(overrides)
  const shopper = new Shopper(api.app)
  const reason = () => api.stores.get(store.name)?.fence.reason
  return { shopper, reason, isOpen: () => reason() === undefined }
}

const ownerOf = (store: BriefStore) => store.database.store.findFirstOrThrow()

describe('restore, on a server that another one took the store over from', { timeout: 60_000 }, () => {
  const store = stores.superseded

  test('says what would be lost, and with --yes gives it the store as MySQL holds it', async () => {
    // The second server is a copy of the first one's data; what the first sells after is its own.
    const before = await shopAt(store)
    const worker = await store.worker()
    await before.shopper.set('CUP', 10)
    const paidLater = (await before.shopper.reserve({ lines }, 'order-1')).body.id
    await expectInvariants(store)
    await worker.stop()
    const data = join(folder, 'first', 'appendonlydir')
    await cp(data, join(folder, 'second', 'appendonlydir'), { recursive: true })
    const unsaved = (await before.shopper.reserve({ lines }, 'order-2')).body.id
    await store
      .api({ confirmWaitMs: 0 })
      .then(({ app }) => new Shopper(app).confirm(paidLater, { paymentRef: 'pay-1' }))
    await before.shopper.adjust('CUP', 5, 'delivery-1')

    const second = await openRedis('second')
    const during = await shopAt(store, { redisUrl: second.url })
    await store.worker({ redisUrl: second.url })
    await eventually(during.isOpen, 'the second server has the store')
    await eventually(() => /taken the store over/.test(before.reason() ?? ''), 'the first is superseded')
    const sold = (await during.shopper.reserve({ lines }, 'order-3')).body.id
    expect((await during.shopper.confirm(sold)).status).toBe(200)

    const [redisBefore, mysqlBefore] = [await dumpStore(store.redis, store.name), await ownerOf(store)]
    const dry = await restore(store.config)
    expect(dry.status).toBe(1)
    expect(dry.printed).toMatch(/at 1-\d+, and another server has taken the store over from it/)
    expect(dry.printed).toContain('Another Redis server owns the store.')
    expect(dry.printed).toContain(
      'LOST would be 3 ledger entries that MySQL does not hold: 1 reserve, 1 confirm, 1 adjust',
    )
    expect(dry.printed).toMatch(
      new RegExp(
        `1-\\d+ confirm ${paidLater} CUP:1 payment pay-1\\n +1-\\d+ reserve ${unsaved} CUP:1\\n +1-\\d+ adjust CUP:5`,
      ),
    )
    expect(dry.printed).toContain('Nothing was changed. Run with --yes to restore.')
    expect(dry.printed).not.toContain(new URL(first.url).password)
    expect(await dumpStore(store.redis, store.name)).toEqual(redisBefore)
    expect(await ownerOf(store)).toEqual(mysqlBefore)

    const done = await restore(store.config, '--yes', '--store', store.name)
    expect(done).toMatchObject({
      status: 0,
      printed: expect.stringMatching(/Restored as epoch 2: 1 SKUs and 2 res/),
    })
    await eventually(before.isOpen, 'the first server has the store again')
    await eventually(() => /taken the store over/.test(during.reason() ?? ''), 'the second is superseded')
    expect((await during.shopper.reserve({ lines })).status).toBe(503)

    // The running API goes on with what MySQL held: the sale of the second, not what the first had alone.
    await store.worker()
    expect((await before.shopper.stock('CUP')).body).toMatchObject({ available: 8, held: 1, sold: 1 })
    expect((await before.shopper.read(unsaved)).status).toBe(404)
    expect((await before.shopper.reserve({ lines }, 'order-3')).body).toMatchObject({
      id: sold,
      state: 'confirmed',
    })
    expect(await before.shopper.adjust('CUP', 5, 'delivery-1')).toMatchObject({
      status: 200,
      replayed: false,
    })
    expect(await before.shopper.confirm(paidLater)).toMatchObject({ status: 200, body: { persisted: true } })
    const { redis: state } = await expectInvariants(store)
    expect(state.counts.get('CUP')).toEqual({ available: 13, held: 0, sold: 2 })
  })
})

describe('restore, on a server that sells', { timeout: 60_000 }, () => {
  const store = stores.live

  test('answers 503 meanwhile, loses no payment that was called persisted, and leaves no drift', async () => {
    const { shopper } = await shopAt(store)
    await store.worker()
    await shopper.set('CUP', 1_000_000)
    let done = false
    const paid = new Set<string>()
    const answers = new Set<string>()
    const shop = async () => {
      while (!done) {
        const { status, body } = await shopper.reserve({ lines })
        answers.add(`${status} ${body.type ?? ''}`)
        if (status !== 201) continue
        const { status: ended, body: sale } = await shopper.confirm(body.id)
        if (ended === 200 && sale.persisted) paid.add(body.id)
      }
    }
    const shoppers = Promise.all(Array.from({ length: 8 }, shop))
    await eventually(() => paid.size > 50, 'sales are made')
    const [one, two] = await Promise.all([restore(store.config, '--yes'), restore(store.config, '--yes')])
    const before = paid.size
    await eventually(() => paid.size > before + 50, 'sales go on')
    done = true
    await shoppers
    expect([one.status, two.status]).toContain(0)
    for (const answer of answers) expect(['201 ', '503 urn:holdfast:store-fenced']).toContain(answer)
    const { mysql: state } = await expectInvariants(store)
    for (const id of paid) expect(state.reservations.get(id)?.state).toBe('confirmed')
  })

  test('works when the memory of Redis is full', async () => {
    const redis = clientOf(first)
    await redis.config('SET', 'maxmemory', '1mb')
    expect((await restore(store.config, '--yes')).status).toBe(0)
    await redis.config('SET', 'maxmemory', '256mb')
    await expectInvariants(store)
  })
})

describe('restore, after MySQL was set back to a backup', { timeout: 60_000 }, () => {
  const store = stores.setBack

  test('counts what neither has in its ledger, and begins an epoch that nobody has seen', async () => {
    const { shopper, reason, isOpen } = await shopAt(store)
    const worker = await store.worker()
    await shopper.set('CUP', 10)
    for (let i = 0; i < 3; i++) await shopper.confirm((await shopper.reserve({ lines })).body.id)
    await expectInvariants(store)
    await worker.stop()
    // As of the stock alone, when the store was another server's and of an older generation.
    await store.database.$executeRaw`DELETE FROM ledger WHERE sequence > 1`
    await store.database.$executeRaw`DELETE FROM reservations`
    await store.database.$executeRaw`UPDATE stock SET available = 10, held = 0, sold = 0, sequence = 1`
    await store.database.$executeRaw`UPDATE stores SET server = 'another', sequence = 1`
    await store.redis.hset(store.keys.position, { epoch: 7, generation: 5, verified: 'before a restart' })
    await store.redis.del(store.keys.ledger)
    await eventually(() => /MySQL was set back/.test(reason() ?? ''), 'it is fenced for that')

    const dry = await restore(store.config)
    expect(dry.printed).toMatch(/at 7-7, and fenced/)
    expect(dry.printed).toMatch(/LOST would be 6 older changes that MySQL does not hold either/)
    expect((await restore(store.config, '--yes')).printed).toContain('Restored as epoch 8')
    await eventually(isOpen, 'it is open')
    expect(await ownerOf(store)).toMatchObject({ generation: 6, epoch: 8, opened: true })
    await store.worker()
    expect((await shopper.confirm((await shopper.reserve({ lines })).body.id)).body.persisted).toBe(true)
    await expectInvariants(store)
  })
})

test('restore frees a store whose ledger somebody else wrote to', { timeout: 60_000 }, async () => {
  const store = stores.overwritten
  const { shopper, isOpen } = await shopAt(store)
  expect((await shopper.set('CUP', 10)).status).toBe(201)
  const { body } = await shopper.reserve({ lines })
  const id = await store.redis.xadd(store.keys.ledger, '*', 'a', 'b')
  expect((await shopper.reserve({ lines })).status).toBe(500)
  await store.worker()
  await eventually(async () => (await store.database.reservation.count()) === 1, 'MySQL holds the hold')
  const { status, printed } = await restore(store.config, '--yes')
  expect(printed).toContain(`The entry at ${id} cannot be read, and perhaps others behind it.`)
  expect(status).toBe(0)
  await eventually(isOpen, 'it is open')
  expect((await shopper.confirm(body.id)).status).toBe(200)
  expect((await shopper.reserve({ lines })).status).toBe(201)
  await expectInvariants(store)
})

describe('restore', () => {
  test('refuses arguments and stores that it does not know', async () => {
    const { config } = stores.empty
    for (const args of [['--now'], ['yes'], ['--yes=1'], ['--store'], ['--store', 'no-such-store']]) {
      await expect(restore(config, ...args)).rejects.toThrow(ConfigError)
    }
  })

  test('drops nothing when MySQL holds nothing of the store', async () => {
    const store = stores.empty
    await store.redis.hset(store.keys.position, { epoch: 3, sequence: 9, generation: 1 })
    await store.redis.hset(store.keys.stock, 'CUP', '5 0 0')
    await store.redis.xadd(store.keys.ledger, '3-9', 'time', '1', 'entry', 'unreadable')
    const before = await dumpStore(store.redis, store.name)
    const { status, printed } = await restore(store.config, '--yes')
    expect(status).toBe(1)
    expect(printed).toContain('The entry at 3-9 cannot be read, and perhaps others behind it.')
    expect(printed).toContain(`MySQL holds nothing of the store ${store.name}`)
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('says so when MySQL or Redis cannot be reached', async () => {
    const { config } = stores.empty
    const databaseUrl = 'mysql://nobody@127.0.0.1:1/nothing'
    const { status, printed } = await restore({ ...config, databaseUrl, connectTimeoutMs: 300 }, '--yes')
    expect(status).toBe(1)
    expect(printed).toMatch(/^The store \S+ was not restored: [^\n]+\. Run the command again\.$/)
    const nowhere = { ...config, redisUrl: 'redis://127.0.0.1:1', connectTimeoutMs: 300 }
    await expect(restore(nowhere)).rejects.toThrow(StartupError)
  })
})
