import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { writeReport } from '../../src/demo/report-files.js'
import { judge } from '../../src/demo/sale-faults.js'
import { type SaleSettings, sale1212 } from '../../src/demo/sale-plan.js'
import { type ReplayOptions, replaySale } from '../../src/demo/sale-replay.js'
import { type Service, startServiceProcesses } from '../../src/demo/service-processes.js'
import { mainFile } from '../support/holdfast-command.js'
import { openTestStore, type TestStore } from '../support/test-store.js'

const settings: SaleSettings = {
  ...sale1212,
  customers: 300,
  items: [
    { sku: 'CONSOLE-5', units: 10, weight: 3 },
    { sku: 'SNEAKER-42', units: 20, weight: 2 },
  ],
  atOnceMax: 50,
  ttlSeconds: 1,
  saleSecondsMax: 10,
}

let served: TestStore

beforeAll(async () => {
  served = await openTestStore()
})

function options(store: string, more: Partial<ReplayOptions> = {}): ReplayOptions {
  const { redisUrl, databaseUrl, connectTimeoutMs, commandTimeoutMs } = served.config
  return {
    settings,
    store,
    redisUrl,
    databaseUrl,
    connectTimeoutMs,
    commandTimeoutMs,
    startService,
    openProgress: () => ({ leaves: () => {}, end: () => {} }),
    signal: new AbortController().signal,
    ...more,
  }
}

function startService(store: string): Promise<Service> {
  return startServiceProcesses(mainFile, {
    ...process.env,
    REDIS_URL: served.config.redisUrl,
    DATABASE_URL: served.config.databaseUrl,
    HOLDFAST_STORES: store,
    PORT: '0',
    LOG_LEVEL: 'info',
  })
}

/** What is left of a store in Redis and MySQL: keys, tables of the first half, rows. */
async function leftovers(store: string): Promise<unknown[]> {
  const tables = await served.database.$queryRaw<unknown[]>`
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name LIKE ${`${store.replaceAll('-', '\\_')}%`}`
  const rows = await served.database.$queryRaw<{ lines: bigint }[]>`
    SELECT (SELECT COUNT(*) FROM ledger) + (SELECT COUNT(*) FROM reservations)
      + (SELECT COUNT(*) FROM stock) AS \`lines\``
  const stores = await served.database.store.findMany({ where: { name: store } })
  const held = Number(rows[0]?.lines) === 0 ? [] : rows
  return [...(await served.redis.keys(`*${store}*`)), ...tables, ...stores, ...held]
}

test('the same crowd oversells the naive store and not Holdfast, and nothing of it stays', async () => {
  let url = ''
  const replay = await replaySale(
    options('demo-small', {
      startService: async (store) => {
        const service = await startService(store)
        url = service.url
        return service
      },
    }),
  )
  const { naive, holdfast } = replay

  expect(naive.unitsOversold).toBeGreaterThan(0)
  expect(naive.customersToCall).toBeGreaterThan(0)
  expect(naive.lowestCount).toBeLessThan(0)

  expect(holdfast.differences).toEqual([])
  expect(holdfast.breaches).toEqual([])
  expect(holdfast).toMatchObject({ customers: 300, unitsOversold: 0, customersToCall: 0, itemsBelowZero: 0 })
  expect(holdfast.unitsSold).toBeGreaterThan(25)
  expect(holdfast.holdsExpired).toBeGreaterThan(0)
  expect(holdfast.unitsSoldAgain).toBeGreaterThan(0)
  expect(holdfast.retriesReplayed).toBeGreaterThan(0)
  expect(judge(holdfast)).toBe(0)

  expect(await leftovers('demo-small')).toEqual([])
  await expect(fetch(`${url}/healthz`)).rejects.toThrow()

  const folder = await mkdtemp(join(tmpdir(), 'holdfast-report-'))
  const [svg, json] = await writeReport(folder, settings, replay)
  expect(await readFile(svg as string, 'utf8')).toContain('CONSOLE-5')
  expect(JSON.parse(await readFile(json as string, 'utf8'))).toMatchObject({
    seed: 1212,
    versions: { node: process.versions.node },
    holdfast: { unitsOversold: 0, differences: [] },
  })
  await rm(folder, { recursive: true })
})

test('a replay that is told to stop ends in order', async () => {
  const stop = new AbortController()
  let url = ''
  const replay = replaySale(
    options('demo-stopped', {
      signal: stop.signal,
      startService: async (store) => {
        const service = await startService(store)
        url = service.url
        return service
      },
      openProgress: (half) => ({
        leaves: () => {
          if (half === 'holdfast') stop.abort()
        },
        end: () => {},
      }),
    }),
  )
  await expect(replay).rejects.toThrow(/abort/i)
  expect(url).not.toBe('')
  await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  expect(await leftovers('demo-stopped')).toEqual([])
})

test('a service that cannot start says why, and none of it stays', async () => {
  const starting = startServiceProcesses(mainFile, { ...process.env, REDIS_URL: 'nonsense' })
  await expect(starting).rejects.toThrow(/holdfast \w+ ended with status 2\.\nREDIS_URL must be a URL/)
})
