import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { runKeys } from '../../src/commands/keys.js'
import { type Config, ConfigError, readConfig } from '../../src/config.js'
import { hashKey, scopes } from '../../src/domain/api-key.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'

let store: BriefStore

beforeAll(async () => {
  store = await openBriefStore()
})

beforeEach(async () => {
  await store.database.apiKey.deleteMany()
})

/** Runs `holdfast keys ...` and returns its exit status and what it printed where. */
async function keys(args: string, config: Config = store.config) {
  const out: string[] = []
  const err: string[] = []
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line) => out.push(String(line))),
    vi.spyOn(console, 'error').mockImplementation((line) => err.push(String(line))),
  ]
  try {
    return { status: await runKeys(config, args.split(' ')), out: out.join('\n'), err: err.join('\n') }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

const rows = () => store.database.apiKey.findMany({ orderBy: { name: 'asc' } })

describe('keys create', () => {
  test('prints the key, once and alone on standard output, and keeps its hash', async () => {
    const { status, out, err } = await keys('create --name shop.eu_1 --scopes reservations:write,stock:read')
    expect(status).toBe(0)
    expect(out).toMatch(/^hf_shop\.eu_1_[0-9a-f]{64}$/)
    expect(err).toBe(
      'Keep it: it is shown this once. From now on it opens all stores for reservations:write, stock:read.',
    )
    expect(await rows()).toEqual([
      {
        name: 'shop.eu_1',
        sha256: hashKey(out).toString('hex'),
        store: null,
        scopes: 'reservations:write,stock:read',
        createdAt: expect.any(Date),
        expiresAt: null,
        revokedAt: null,
      },
    ])
    const listed = await keys('list')
    expect(listed.out).not.toContain(out.slice(-64))
  })

  test('makes another key each time', async () => {
    const first = await keys('create --name a --scopes admin')
    const second = await keys('create --name b --scopes admin')
    expect(first.out.slice(-64)).not.toBe(second.out.slice(-64))
  })

  test('keeps the store, every scope once, and when it expires', async () => {
    const args = `create --name a --scopes ${[...scopes, 'admin'].join(',')} --store ${store.name}`
    const before = Date.now()
    expect(await keys(`${args} --expires 90d`)).toMatchObject({ status: 0 })
    const [row] = await rows()
    expect([row?.store, row?.scopes]).toEqual([store.name, scopes.join(',')])
    const days = ((row?.expiresAt?.getTime() ?? 0) - before) / 86_400_000
    expect(days).toBeGreaterThanOrEqual(90)
    expect(days).toBeLessThan(90.01)
    const { err } = await keys('create --name b --scopes admin --expires 2100-01-01T00:00:00+02:00')
    expect(err).toContain('until 2099-12-31T22:00:00.000Z')
  })

  test('refuses a name that is or was used: the ledger tells by it who changed stock', async () => {
    await keys('create --name shop --scopes admin')
    const [before] = await rows()
    const again = await keys('create --name shop --scopes console')
    expect([again.status, again.out]).toEqual([1, ''])
    expect(again.err).toMatch(/^There is or was a key named shop: /)
    await keys('revoke shop')
    expect((await keys('create --name shop --scopes admin')).status).toBe(1)
    expect((await keys('create --name SHOP --scopes admin')).status).toBe(0)
    expect((await rows()).at(-1)).toMatchObject({ ...before, revokedAt: expect.any(Date) })
  })

  test('takes a store that a service serves although this environment does not name it', async () => {
    await store.database.store.create({ data: { name: 'eu' } })
    expect(await keys('create --name eu --scopes admin --store eu')).toMatchObject({ status: 0 })
    expect((await rows())[0]?.store).toBe('eu')
    await expect(keys('create --name us --scopes admin --store us')).rejects.toThrow(
      `--store must be a store that was served or is one of HOLDFAST_STORES (${store.name}, eu), not "us".`,
    )
  })

  test.for([
    ['--scopes admin'],
    ['--name shop'],
    ['--name shop --scopes admin extra'],
    ['--name shop --scopes admin --by me'],
    ['--name sh/op --scopes admin'],
    [`--name ${'x'.repeat(65)} --scopes admin`],
    ['--name shop --scopes'],
    ['--name shop --scopes all'],
    ['--name shop --scopes admin,'],
    ['--name shop --scopes ADMIN'],
    ['--name shop --scopes admin --store no-such'],
    ['--name shop --scopes admin --expires 0d'],
    ['--name shop --scopes admin --expires 90'],
    ['--name shop --scopes admin --expires -1d'],
    ['--name shop --scopes admin --expires 123456d'],
    ['--name shop --scopes admin --expires tomorrow'],
    ['--name shop --scopes admin --expires 2100-01-01'],
    ['--name shop --scopes admin --expires 2100-01-01T00:00:00'],
    ['--name shop --scopes admin --expires 2100-13-01T00:00:00Z'],
    ['--name shop --scopes admin --expires 2100-02-30T00:00:00Z'],
    ['--name shop --scopes admin --expires 2020-01-01T00:00:00Z'],
    ['--name shop --name office --scopes admin'],
    ['--name shop --scopes admin --scopes stock:read'],
  ])('refuses %s, and keeps nothing', async ([args]) => {
    await expect(keys(`create ${args}`)).rejects.toBeInstanceOf(ConfigError)
    expect(await rows()).toEqual([])
  })
})

describe('keys list', () => {
  test('says that there are none, and then of each what it opens and since when it does not', async () => {
    expect(await keys('list')).toMatchObject({ status: 0, out: expect.stringMatching(/^There are no keys/) })
    await keys('create --name a --scopes admin')
    await keys(`create --name b --scopes console --store ${store.name} --expires 1d`)
    await keys('create --name c --scopes admin --expires 1d')
    await store.database.apiKey.update({ where: { name: 'c' }, data: { expiresAt: new Date(1000) } })
    await keys('create --name d --scopes admin')
    await keys('revoke d')
    const { status, out } = await keys('list')
    expect(status).toBe(0)
    expect(out.split('\n').sort()).toEqual([
      expect.stringMatching(/^a: opens all stores for admin; created 20/),
      expect.stringMatching(
        new RegExp(`^b: opens the store ${store.name} for console until 20\\S+; created`),
      ),
      expect.stringMatching(/^c: expired 1970-01-01T00:00:01.000Z; created/),
      expect.stringMatching(/^d: revoked 20\S+; created/),
    ])
  })
})

describe('keys revoke', () => {
  test('ends a key for good, and says the same when it is repeated', async () => {
    await keys('create --name shop --scopes admin')
    const first = await keys('revoke shop')
    expect(first).toMatchObject({ status: 0, out: expect.stringMatching(/^shop is revoked since 20/) })
    expect(await keys('revoke shop')).toEqual(first)
    expect(await keys('revoke other')).toMatchObject({ status: 1, out: '' })
  })
})

describe('an API that starts while MySQL is away', () => {
  /** What it takes as its keys. */
  async function statusesThen(texts: readonly string[]): Promise<number[]> {
    const databaseUrl = 'mysql://nobody@127.0.0.1:1/nothing'
    const { app } = await store.api({ databaseUrl, connectTimeoutMs: 1000 })
    const call = (key: string) =>
      app.inject({ url: '/v1/console', headers: { authorization: `Bearer ${key}` } })
    return Promise.all(texts.map(async (key) => (await call(key)).statusCode))
  }

  test('knows of what the command did while no API ran', async () => {
    const { out: kept } = await keys('create --name kept --scopes admin')
    const { out: lost } = await keys('create --name lost --scopes admin')
    expect(await statusesThen([kept, lost])).toEqual([200, 200])
    await keys('revoke lost')
    expect(await statusesThen([kept, lost])).toEqual([200, 401])
  })

  test('is told of when Redis could not be told', async () => {
    const away = { ...store.config, redisUrl: 'redis://127.0.0.1:1', connectTimeoutMs: 500 }
    const made = await keys('create --name shop --scopes admin', away)
    const warning = /The copy of the keys in Redis could not be renewed \(Redis cannot be reached: .+\): /
    expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/^hf_shop_/) })
    expect(made.err).toMatch(warning)
    const ended = await keys('revoke shop', away)
    expect(ended).toMatchObject({ status: 0, err: expect.stringMatching(warning) })
    expect((await keys('revoke shop')).err).toBe('')
  })
})

test.for([[''], ['delete shop'], ['list shop'], ['list --name shop'], ['revoke'], ['revoke a b']])(
  'keys %s is refused with how it is written',
  async ([args]) => {
    await expect(keys(args as string)).rejects.toThrow(/^holdfast keys create --name NAME/)
  },
)

test('without MySQL says so and ends with 1; without any server, how to reach one', async () => {
  const databaseUrl = 'mysql://nobody@127.0.0.1:1/nothing'
  const answer = await keys('list', { ...store.config, databaseUrl, connectTimeoutMs: 500 })
  expect([answer.status, answer.out]).toEqual([1, ''])
  expect(answer.err).toMatch(/^MySQL did not do it: /)
  const nowhere = readConfig({ HOLDFAST_DATA: '/nonexistent/holdfast' })
  await expect(keys('list', nowhere)).rejects.toThrow(
    'holdfast keys needs REDIS_URL and DATABASE_URL to be set, or "holdfast start" to run on the data folder /nonexistent/holdfast.',
  )
})
