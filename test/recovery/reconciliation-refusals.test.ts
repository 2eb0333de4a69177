import { beforeAll, expect, test, vi } from 'vitest'
import { runReconcile } from '../../src/commands/reconcile.js'
import { ConfigError } from '../../src/config.js'
import { openDatabase } from '../../src/ledger/database.js'
import { readReports } from '../../src/ledger/reconciliation-reports.js'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { openLog } from '../../src/log.js'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { figure } from '../support/exposition.js'
import { eventually, openTestStore } from '../support/test-store.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

const log = openLog('silent', 'test')
let store: ReconciledStore

beforeAll(async () => {
  store = await openReconciledStore()
  await store.services.gate.setStock('cup', 10)
  await store.hold('cup', 2)
  await store.caughtUp()
})

const call = (method: 'GET' | 'POST', url: string, payload?: object) =>
  store.service.app.inject({
    method,
    url,
    headers: { 'holdfast-store': store.name },
    ...(payload && { payload }),
  })

/** Runs the command and returns its exit status and what it printed. */
async function command(...args: string[]): Promise<{ status: number; printed: string }> {
  const lines: string[] = []
  const out = vi.spyOn(console, 'log').mockImplementation((line) => lines.push(String(line)))
  const err = vi.spyOn(console, 'error').mockImplementation((line) => lines.push(String(line)))
  try {
    return { status: await runReconcile(store.config, args), printed: lines.join('\n') }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

const damage = (available: number) => store.redis.hset(store.keys.stock, 'cup', `${available} 2 0`)

test('the API answers with the report, lists the reports and gives each', async () => {
  await damage(9)
  const dry = await call('POST', '/v1/reconciliations', {})
  expect(dry.statusCode).toBe(200)
  expect(dry.json()).toMatchObject({
    position: expect.stringMatching(/^1-\d+$/),
    checked: { skus: 1, reservations: 1 },
    drifted: [{ sku: 'cup', field: 'available', redis: 9, mysql: 8, expected: 8, repaired: false }],
    driftedTotal: 1,
    repair: false,
    complete: true,
    repaired: 0,
  })
  const metrics = await call('GET', '/metrics')
  expect(metrics.body).toContain(`holdfast_drift_items{store="${store.name}"} 1`)
  const repair = await call('POST', '/v1/reconciliations', { repair: true })
  expect(repair.json()).toMatchObject({ repaired: 1, drifted: [{ repaired: true }] })
  expect((await call('GET', '/metrics')).body).toContain(`holdfast_drift_items{store="${store.name}"} 0`)

  const [first, second] = [dry.json().id, repair.json().id]
  expect((await call('GET', `/v1/reconciliations/${first}`)).json()).toEqual(dry.json())
  const page = (await call('GET', '/v1/reconciliations?limit=1')).json()
  expect(page.items).toEqual([repair.json()])
  expect(page.nextCursor).toBe(String(second))
  const rest = (await call('GET', `/v1/reconciliations?cursor=${page.nextCursor}`)).json()
  expect(rest.items).toEqual([dry.json()])
  expect(rest.nextCursor).toBeNull()
})

test('the API compares the SKUs it is given alone, and knows which do not exist', async () => {
  await store.services.gate.setStock('hat', 5)
  await store.redis.hset(store.keys.stock, 'hat', '6 0 0')
  const cup = await call('POST', '/v1/reconciliations', { skus: ['cup'] })
  expect(cup.json()).toMatchObject({ checked: { skus: 1, reservations: 0 }, drifted: [] })
  const hat = await call('POST', '/v1/reconciliations', { skus: ['cup', 'hat'], repair: true })
  expect(hat.json()).toMatchObject({ drifted: [{ sku: 'hat', field: 'available', repaired: true }] })
  await store.redis.hset(store.keys.stock, 'hat', '7 0 0')
  const unknown = await call('POST', '/v1/reconciliations', { skus: ['hat', 'fez'], repair: true })
  expect(unknown.statusCode).toBe(404)
  expect(unknown.json()).toMatchObject({ type: 'urn:holdfast:unknown-sku', skus: ['fez'] })
  // Nothing was corrected.
  expect(await store.redis.hget(store.keys.stock, 'hat')).toBe('7 0 0')
  expect(await store.corrections({ sku: 'hat' })).toHaveLength(1)
  await call('POST', '/v1/reconciliations', { skus: ['hat'], repair: true })
})

test('a SKU that Redis has lost is known by its row, its ledger lines, or what is set aside', async () => {
  const { database, redis, keys } = store
  const storeId = await store.services.ledger.storeId()
  const compare = async (sku: string) => {
    const answer = await call('POST', '/v1/reconciliations', { skus: [sku] })
    expect(answer.statusCode).toBe(200)
    return answer.json().drifted
  }
  await store.services.gate.setStock('hat', 5)
  await store.caughtUp()
  await redis.hdel(keys.stock, 'hat')
  expect(await compare('hat')).toMatchObject([
    { sku: 'hat', field: 'counts', redis: null, expected: '5 0 0' },
  ])
  await database.stock.delete({ where: { storeId_sku: { storeId, sku: 'hat' } } })
  expect(await compare('hat')).toMatchObject([
    { sku: 'hat', field: 'counts', mysql: null, expected: '5 0 0' },
  ])
  expect(await call('POST', '/v1/reconciliations', { skus: ['hat'], repair: true })).toMatchObject({
    statusCode: 200,
  })
  expect(await redis.hget(keys.stock, 'hat')).toBe('5 0 0')
  const row = { storeId, sku: 'cap', available: 1n, held: 0n, sold: 0n, epoch: 1, sequence: 1n }
  await database.stock.create({ data: row })
  expect(await compare('cap')).toMatchObject([{ field: 'counts', mysql: '1 0 0' }, { field: 'listed' }])
  await database.stock.delete({ where: { storeId_sku: { storeId, sku: 'cap' } } })
  await database.quarantinedSku.create({ data: { storeId, sku: 'cap' } })
  expect(await compare('cap')).toMatchObject([{ sku: 'cap', field: 'quarantine' }])
  await database.quarantinedSku.deleteMany()
})

test('a comparison of some SKUs is not one of the store', async () => {
  const figures = async () => {
    const { body } = await call('GET', '/metrics')
    return ['holdfast_drift_items', 'holdfast_reconciliation_started_timestamp_seconds'].map((name) =>
      figure(body, name),
    )
  }
  await store.services.gate.setStock('hat', 5)
  await store.caughtUp()
  await store.redis.hset(store.keys.stock, 'hat', '6 0 0')
  const whole = await call('POST', '/v1/reconciliations', {})
  expect(whole.json()).toMatchObject({ complete: true, driftedTotal: 1 })
  const before = await figures()
  expect(before).toEqual([1, Date.parse(whole.json().startedAt) / 1000])
  const some = await call('POST', '/v1/reconciliations', { skus: ['cup'] })
  expect(some.json()).toMatchObject({ complete: false, driftedTotal: 0 })
  expect((await call('GET', `/v1/reconciliations/${some.json().id}`)).json()).toEqual(some.json())
  expect(await figures()).toEqual(before)
  expect((await call('POST', '/v1/reconciliations', { repair: true })).json()).toMatchObject({
    complete: true,
  })
  expect((await figures())[0]).toBe(0)
})

test('the API refuses what it does not know', async () => {
  expect((await call('GET', '/v1/reconciliations/999999')).json().type).toBe(
    'urn:holdfast:unknown-reconciliation',
  )
  for (const body of [{ repair: 'yes' }, { skus: [] }, { skus: ['a b'] }, { fix: true }]) {
    expect((await call('POST', '/v1/reconciliations', body)).statusCode).toBe(400)
  }
})

test('while one run is at work another is refused', async () => {
  const survey = new StoreSurvey(store.redis, store.name)
  expect(await survey.takeLease('another', 10_000)).toBe(true)
  const refused = await call('POST', '/v1/reconciliations', {})
  expect(refused.statusCode).toBe(409)
  expect(refused.json().type).toBe('urn:holdfast:reconciliation-running')
  await survey.endLease('another')
  expect((await call('POST', '/v1/reconciliations', {})).statusCode).toBe(200)
})

test('the command prints what differs and its status tells whether it still does', async () => {
  expect(await command('--store', store.name)).toEqual({
    status: 0,
    printed: expect.stringContaining('No drift.'),
  })
  await damage(3)
  const dry = await command()
  expect(dry.status).toBe(1)
  expect(dry.printed).toMatch(/cup +available +3 +8 +8 +no +Redis' counts were changed outside Holdfast/)
  const repair = await command('--repair')
  expect(repair.status).toBe(0)
  expect(repair.printed).toMatch(/cup +available +3 +8 +8 +yes/)
  expect((await command()).status).toBe(0)
})

test('the command refuses arguments and stores that it does not know', async () => {
  for (const args of [['--fix'], ['now'], ['--store'], ['--store', 'no-such-store']]) {
    await expect(runReconcile(store.config, args)).rejects.toThrow(ConfigError)
  }
})

test('without a worker it says that MySQL is behind, and never that anything drifted', async () => {
  const alone = await openTestStore({ reconcileSeconds: 0 })
  const api = await alone.api()
  const services = api.stores.get(alone.name)
  if (!services) throw new Error('the store is not served')
  await eventually(() => services.fence.reason === undefined, 'the store is open')
  await services.gate.setStock('cup', 10)
  const ledger = new StoreLedger(alone.database, alone.name)
  const survey = new StoreSurvey(alone.redis, alone.name)
  const corrections = new StoreCorrections(alone.redis, alone.name)
  const settings = { ...reconciliationSettings, lagWaitMs: 100 }
  const reconciler = new Reconciler(survey, corrections, ledger, settings, log)
  expect(await reconciler.run({ repair: true })).toEqual({ refused: 'ledger-behind' })
  // Of what Redis has lost, MySQL is yet to hear.
  await alone.redis.hdel(alone.keys.stock, 'cup')
  expect(await reconciler.run({ repair: true, skus: ['cup'] })).toEqual({ refused: 'ledger-behind' })
  expect(await readReports(ledger, undefined, 10)).toEqual([])
  await alone.worker()
  expect(await services.reconciler.run({ repair: true, skus: ['cup'] })).toMatchObject({ repaired: 1 })
  expect(await services.reconciler.run({ repair: false })).toMatchObject({ driftedTotal: 0 })
})

test('on a fenced store, and without MySQL, it says so', async () => {
  const { redis, name, keys } = store
  const nowhere = openDatabase('mysql://nobody@127.0.0.1:1/none', {
    connectionsMax: 2,
    connectTimeoutMs: 300,
  })
  const withoutMysql = Reconciler.open(redis, new StoreLedger(nowhere, name), log)
  expect(await withoutMysql.run({ repair: true })).toEqual({ refused: 'mysql-unavailable' })
  await nowhere.$disconnect()

  const fenced = await openTestStore()
  await fenced.redis.hset(fenced.keys.position, { epoch: 1, sequence: 0, verified: 'another-server' })
  const reconciler = Reconciler.open(fenced.redis, new StoreLedger(fenced.database, fenced.name), log)
  expect(await reconciler.run({ repair: true })).toEqual({ refused: 'store-fenced' })
  expect(await redis.exists(keys.reconciler)).toBe(0)
})

test('the worker compares by itself, warns, and makes one report for any number of workers', async () => {
  const watched = await openTestStore({ reconcileSeconds: 1 })
  const api = await watched.api()
  const services = api.stores.get(watched.name)
  if (!services) throw new Error('the store is not served')
  await eventually(() => services.fence.reason === undefined, 'the store is open')
  await services.gate.setStock('cup', 10)
  await watched.redis.hset(watched.keys.stock, 'cup', '7 0 0')
  await watched.worker()
  await watched.worker()
  await eventually(
    async () => (await readReports(services.ledger, undefined, 10)).length >= 3,
    'there are reports',
  )
  const reports = await readReports(services.ledger, undefined, 3)
  for (const report of reports) {
    expect(report).toMatchObject({ repair: false, driftedTotal: 1, drifted: [{ sku: 'cup', redis: 7 }] })
  }
  const [third, second] = reports
  expect((third?.startedAtMs ?? 0) - (second?.startedAtMs ?? 0)).toBeGreaterThanOrEqual(900)
})
