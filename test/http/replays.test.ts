import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Api, startApi } from '../../src/api.js'
import { type SaleSettings, watchedSale1212 } from '../../src/demo/sale-plan.js'
import { replayStore, SaleReplays } from '../../src/demo/sale-replays.js'
import { startServiceProcesses } from '../../src/demo/service-processes.js'
import { openLog } from '../../src/log.js'
import { EventClient } from '../support/event-client.js'
import { mainFile } from '../support/holdfast-command.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

vi.setConfig({ testTimeout: 120_000 })

const settings: SaleSettings = {
  ...watchedSale1212,
  customers: 300,
  items: [
    { sku: 'CONSOLE-5', units: 10, weight: 3 },
    { sku: 'SNEAKER-42', units: 20, weight: 2 },
  ],
  arrivalsPerSecond: 150,
  ttlSeconds: 1,
  saleSecondsMax: 5,
}

const store = await openTestStore()
const log = openLog('error', store.name)
let replays: SaleReplays
let api: Api
let client: HttpClient

beforeAll(async () => {
  const startService = () =>
    startServiceProcesses(mainFile, {
      ...process.env,
      REDIS_URL: store.config.redisUrl,
      DATABASE_URL: store.config.databaseUrl,
      HOLDFAST_STORES: replayStore,
      HOLDFAST_DRAIN_MS: '0',
      PORT: '0',
      LOG_LEVEL: 'info',
    })
  replays = new SaleReplays({ ...store.config, startService }, settings, log)
  api = await startApi(store.config, log, { replays })
  client = new HttpClient(api.app)
})
afterAll(async () => {
  await api.stop()
  await replays.stop()
})

/** What is left of replays in Redis and MySQL. */
async function leftovers(): Promise<unknown[]> {
  const tables = await store.database.$queryRaw<unknown[]>`
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name LIKE 'replay%'`
  const stores = await store.database.store.findMany({ where: { name: replayStore } })
  return [...(await store.redis.keys(`*${replayStore}*`)), ...tables, ...stores]
}

describe('a replay of the sale', () => {
  test('is drawn as it goes, ends as the databases say, and leaves nothing', async () => {
    const events = await EventClient.open(await api.listen())
    const started = await client.post('/v1/replays')
    const nothing = { accepted: 0, refused: 0, cancelled: 0, available: 30 }
    const { id } = started.body
    expect(started).toMatchObject({
      status: 202,
      body: { id, second: 0, naive: nothing, holdfast: nothing, stock: 30, done: false },
    })
    expectProblem(await client.post('/v1/replays'), 'replay-running')
    expect((await client.get(`/v1/replays/${id}`)).body).toMatchObject({ id, done: false })

    await eventually(() => events.of('replay').some(({ done }) => done), 'it is done', 90_000)
    const told = events.of('replay')
    expect(told.length).toBeGreaterThan(5)
    const seconds = told.map(({ second }) => second)
    expect([...seconds].sort((a, b) => a - b)).toEqual(seconds)
    expect(told.some(({ naive }) => naive.available > 0 && naive.available < 30)).toBe(true)
    const last = told.at(-1)
    expect(last).not.toHaveProperty('failed')
    expect(last.naive.cancelled).toBeGreaterThan(0)
    expect(last.naive.available).toBeLessThan(0)
    expect(last.naive.refused).toBeGreaterThan(0)
    expect(last.holdfast).toMatchObject({ cancelled: 0 })
    expect(last.holdfast.accepted).toBeGreaterThan(10)
    expect(last.holdfast.available).toBeGreaterThanOrEqual(0)
    expect(last.holdfast.available).toBeLessThan(5)
    expect((await client.get(`/v1/replays/${id}`)).body).toEqual(last)
    expectProblem(await client.get('/v1/replays/no-such'), 'unknown-replay')
    expect(await leftovers()).toEqual([])
    expect((await client.get('/v1/console')).body).toMatchObject({ replay: true })
  })

  test('that is told to stop ends in order and says so', async () => {
    const started = await client.post('/v1/replays')
    expect(started.status).toBe(202)
    await eventually(() => (replays.newest?.second ?? 0) > 0, 'it goes on', 60_000)
    await replays.stop()
    expect(replays.newest).toMatchObject({ done: true, failed: 'The replay was ended before its time.' })
    expect(await leftovers()).toEqual([])
    expectProblem(await client.post('/v1/replays'), 'replay-running')
  })

  test('whose process is killed leaves no process, and its data to the next start', async () => {
    const url = (file: string) => pathToFileURL(join(dirname(mainFile), file)).href
    const { redisUrl, databaseUrl, connectTimeoutMs, commandTimeoutMs } = store.config
    const script = `
      const { SaleReplays, replayStore } = await import('${url('demo/sale-replays.js')}')
      const { startServiceProcesses } = await import('${url('demo/service-processes.js')}')
      const servers = ${JSON.stringify({ redisUrl, databaseUrl, connectTimeoutMs, commandTimeoutMs })}
      const environment = { ...process.env, REDIS_URL: servers.redisUrl, DATABASE_URL: servers.databaseUrl,
        HOLDFAST_STORES: replayStore, PORT: '0', LOG_LEVEL: 'info' }
      let service
      const startService = async () =>
        (service = await startServiceProcesses(${JSON.stringify(mainFile)}, environment))
      const replays = new SaleReplays({ ...servers, startService }, ${JSON.stringify(settings)}, console)
      replays.follow(({ second }) => second > 0.5 && console.log(service.url))
      replays.start()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(child.stdout, 'data')
    const service = String(line).split('\n')[0]
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await leftovers()).not.toEqual([])
    const answers = () => fetch(`${service}/healthz`).then(Boolean, () => false)
    await eventually(async () => !(await answers()), 'its service has ended', 60_000)
    // As long as it lives, its writer keeps the lease.
    const serves = async () => (await store.redis.exists(`holdfast:{${replayStore}}:writer`)) === 1
    await eventually(async () => !(await serves()), 'its worker has ended', 60_000)
    await replays.removeLeftovers()
    expect(await leftovers()).toEqual([])
  })
})

describe('a service that runs a store of its own', () => {
  test('replays nothing', async () => {
    const { app } = await store.api()
    const http = new HttpClient(app)
    expectProblem(await http.post('/v1/replays'), 'replay-unavailable')
    expectProblem(await http.get('/v1/replays/0190b0a0-0000-7000-8000-000000000000'), 'unknown-replay')
    expect((await http.get('/v1/console')).body).toMatchObject({ replay: false })
  })
})
