import Fastify from 'fastify'
import { afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import type { Api } from '../../src/api.js'
import { ConfigError } from '../../src/config.js'
import { guardRoutes } from '../../src/http/access.js'
import { revokeKey } from '../../src/ledger/api-keys.js'
import { makeKey } from '../support/api-keys.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { EventClient } from '../support/event-client.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually } from '../support/test-store.js'

vi.setConfig({ testTimeout: 60_000 })

/** A change is known everywhere within two seconds and the time of a query; the bound is for slow machines. */
const knownMs = 8000

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
/** What a stream shows ends with its key. */
const expectTurnedAway = async (stream: EventClient | undefined) => {
  expect(await stream?.ended).toBe('by the server')
  expect(stream?.events.at(-1)?.name).toBe('unauthorized')
}
const statusOf = async (client: HttpClient, key?: string) =>
  (await client.get('/v1/stock', key === undefined ? {} : bearer(key))).status

const anHourMs = 3_600_000

/** By the clock of this process and of the instances in it; it goes on from there. */
function passAnHour(): void {
  const { now } = Date
  vi.spyOn(Date, 'now').mockImplementation(() => now() + anHourMs)
}
afterEach(() => {
  vi.restoreAllMocks()
})

describe('keys that are created and revoked while instances run', () => {
  let store: BriefStore
  let clients: HttpClient[]
  let url: string

  const bothAnswer = (status: number, key?: string) =>
    eventually(
      async () => {
        const statuses = await Promise.all(clients.map((client) => statusOf(client, key)))
        return statuses.every((each) => each === status)
      },
      `both instances answer ${status}`,
      knownMs,
    )

  beforeAll(async () => {
    store = await openBriefStore()
    const api = await store.api()
    url = await api.listen()
    clients = [new HttpClient(api.app), new HttpClient((await store.api()).app)]
  })

  test('count in all of them within seconds: the first closes a service that was open', async () => {
    expect(await Promise.all(clients.map((client) => statusOf(client)))).toEqual([200, 200])
    const keyless = await EventClient.open(url)
    const first = await makeKey(store.database, { name: 'first' })
    await bothAnswer(401)
    await bothAnswer(200, first)
    const second = await makeKey(store.database, { name: 'second' })
    await bothAnswer(200, second)
    await expectTurnedAway(keyless)
    const streams = await Promise.all([first, second].map((key) => EventClient.open(url, [], bearer(key))))
    const spaced = { authorization: `bearer   ${second}` }
    expect((await clients[0]?.get('/v1/stock', spaced))?.status).toBe(200)
    await revokeKey(store.database, 'first')
    await bothAnswer(401, first)
    await expectTurnedAway(streams[0])
    expect(streams[1]?.of('unauthorized')).toEqual([])
    const seen = streams[1]?.of('pulse').length ?? 0
    await eventually(() => (streams[1]?.of('pulse').length ?? 0) > seen, 'the other one goes on')
    await bothAnswer(200, second)
  })

  test('and when the last is revoked, the service stays closed, also after a restart', async () => {
    await revokeKey(store.database, 'second')
    const last = await makeKey(store.database, { name: 'last' })
    await bothAnswer(200, last)
    await revokeKey(store.database, 'last')
    await bothAnswer(401, last)
    expect(await Promise.all(clients.map((client) => statusOf(client)))).toEqual([401, 401])
    expect(await statusOf(new HttpClient((await store.api()).app))).toBe(401)
  })

  test('open nothing once what MySQL keeps of them is damaged, and fail no call', async () => {
    const hashes = { short: '0'.repeat(62), empty: '', nonsense: 'z'.repeat(64) }
    const keys = await Promise.all(Object.keys(hashes).map((name) => makeKey(store.database, { name })))
    for (const key of keys) await bothAnswer(200, key)
    for (const [name, sha256] of Object.entries(hashes)) {
      await store.database.apiKey.update({ where: { name }, data: { sha256 } })
    }
    for (const key of keys) await bothAnswer(401, key)
  })

  test('expire at their time', async () => {
    const brief = await makeKey(store.database, { expiresAtMs: Date.now() + anHourMs })
    await bothAnswer(200, brief)
    const stream = await EventClient.open(url, [], bearer(brief))
    passAnHour()
    expect(await Promise.all(clients.map((client) => statusOf(client, brief)))).toEqual([401, 401])
    await expectTurnedAway(stream)
  })
})

describe('while MySQL is away', () => {
  let store: BriefStore
  let proxy: TcpProxy
  let databaseUrl: string

  beforeAll(async () => {
    store = await openBriefStore({ connectTimeoutMs: 1000 })
    proxy = await TcpProxy.open(inject('databaseUrl'))
    const behind = new URL(proxy.url)
    behind.pathname = new URL(store.config.databaseUrl).pathname
    databaseUrl = behind.href
    return () => proxy.unplug()
  })

  test('known keys stay valid until they expire, others are refused, and a new one counts when it is back', async () => {
    const lasting = await makeKey(store.database)
    const client = new HttpClient((await store.api({ databaseUrl })).app)
    const brief = await makeKey(store.database, { expiresAtMs: Date.now() + anHourMs })
    await eventually(async () => (await statusOf(client, brief)) === 200, 'the brief one is known')
    await proxy.unplug()
    const late = await makeKey(store.database)
    expect(await statusOf(client, brief)).toBe(200)
    passAnHour()
    expect(await Promise.all([lasting, brief, late].map((key) => statusOf(client, key)))).toEqual([
      200, 401, 401,
    ])

    // Redis has a copy of what MySQL said last, for an instance that starts now.
    const started = new HttpClient((await store.api({ databaseUrl })).app)
    expect(await Promise.all([lasting, brief, undefined].map((key) => statusOf(started, key)))).toEqual([
      200, 401, 401,
    ])
    await proxy.plug()
    await eventually(async () => (await statusOf(client, late)) === 200, 'the late one is known', 30_000)
  })

  test('an instance that starts and finds no copy either lets calls wait for it', async () => {
    await store.redis.del(store.keys.apiKeys)
    await proxy.unplug()
    const client = new HttpClient((await store.api({ databaseUrl })).app)
    const answer = await client.get('/v1/stock')
    expectProblem(answer, 'mysql-unavailable')
    const ready = await client.get('/readyz')
    expect([ready.status, ready.body.ready]).toEqual([503, false])
    expect(ready.body.reasons).toContain('The API keys have not been read from MySQL yet: calls answer 503.')
    await proxy.plug()
    await eventually(async () => (await statusOf(client)) === 401, 'keys are asked for', 30_000)
  })
})

test('calls with unknown keys ask nothing of MySQL, however many', async () => {
  const store = await openBriefStore()
  await makeKey(store.database)
  const proxy = await TcpProxy.open(inject('databaseUrl'))
  const behind = new URL(proxy.url)
  behind.pathname = new URL(store.config.databaseUrl).pathname
  const client = new HttpClient((await store.api({ databaseUrl: behind.href })).app)
  let packets = 0
  let lastAt = 0
  proxy.tap = (_bytes, from) => {
    if (from === 'client') packets++
    lastAt = performance.now()
    return 'pass'
  }
  const calls = 500
  for (let i = 0; i < calls; i++) {
    expect(await statusOf(client, `hf_key-${i}_${'0'.repeat(64)}`)).toBe(401)
  }
  // What these have asked may still be on its way.
  const endedAt = performance.now()
  const isQuiet = () => lastAt > endedAt && performance.now() - lastAt > 200
  await eventually(isQuiet, 'something was asked, and then nothing for a while')
  // Beside what the process asks on its own, a few times a second.
  expect(packets).toBeLessThan(calls / 2)
  await store.close()
  await proxy.unplug()
})

describe('an address beyond loopback', () => {
  test('is not served while nobody has a valid key, and is with one', async () => {
    const store = await openBriefStore()
    const refused = /^HOST 0\.0\.0\.0 is beyond loopback and there is no valid API key: .*\.$/
    const start = () => store.api({ host: '0.0.0.0' })
    await expect(start()).rejects.toThrow(refused)
    await expect(start()).rejects.toBeInstanceOf(ConfigError)
    await makeKey(store.database, { expiresAtMs: Date.now() - 1 })
    await makeKey(store.database, { name: 'revoked' })
    await revokeKey(store.database, 'revoked')
    await expect(start()).rejects.toThrow(refused)
    const key = await makeKey(store.database)
    const client = new HttpClient((await start()).app)
    expect([await statusOf(client), await statusOf(client, key)]).toEqual([401, 200])
  })

  test('asks for keys also when the table was emptied behind its back', async () => {
    const store = await openBriefStore()
    const key = await makeKey(store.database)
    const client = new HttpClient((await store.api()).app)
    await store.database.apiKey.deleteMany()
    await eventually(async () => (await statusOf(client, key)) === 401, 'the key is gone')
    expect(await statusOf(client)).toBe(401)
  })
})

describe('a route under /v1', () => {
  let api: Api

  beforeAll(async () => {
    api = await (await openBriefStore()).api()
  })

  test.for([[undefined], [{}], [{ scopes: [] }]] as const)(
    'that declares %j as who may call it fails the start',
    ([config]) => {
      const app = Fastify()
      guardRoutes(app, api.keyring, api.stores)
      const route = {
        method: 'GET' as const,
        url: '/v1/open',
        ...(config && { config }),
        handler: async () => 1,
      }
      expect(() => app.route(route)).toThrow('the route GET /v1/open does not declare its scopes')
      expect(() => app.route({ ...route, url: '/v1' })).toThrow('does not declare')
      expect(() => app.route({ ...route, url: '/open' })).not.toThrow()
      expect(() => app.route({ ...route, config: { scopes: ['console'] } })).not.toThrow()
    },
  )
})

test('the service knows no key, only its SHA-256', async () => {
  const store = await openBriefStore()
  const key = await makeKey(store.database, { name: 'shop' })
  await store.api()
  const secret = key.slice(-64)
  expect(JSON.stringify(await store.database.apiKey.findMany())).not.toContain(secret)
  expect(await store.redis.get(store.keys.apiKeys)).toMatch(/"name":"shop"/)
  expect(await store.redis.get(store.keys.apiKeys)).not.toContain(secret)
})
