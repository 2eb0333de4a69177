import { Redis } from 'ioredis'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { runReconcile } from '../../src/commands/reconcile.js'
import { readNewestComplete, readReports } from '../../src/ledger/reconciliation-reports.js'
import { openLog } from '../../src/log.js'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { BrokenScriptError } from '../../src/stock/store-scripts.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

/** What is broken once the counts were corrected, and the reservations are about to be compared. */
interface Breakage {
  settings?: Partial<typeof reconciliationSettings>
  /** Before the run. */
  prepare?(): Promise<unknown>
  strike?(redis: Redis, ending: AbortController): void
}

const log = openLog('silent', 'test')
let store: ReconciledStore
let redis: Redis

const withoutReservations = {
  prepare: () => store.database.$executeRawUnsafe('RENAME TABLE reservations TO reservations_away'),
}

beforeAll(async () => {
  store = await openReconciledStore()
  await store.services.gate.setStock('cup', 10)
  await store.hold('cup', 2)
})

beforeEach(async () => {
  await store.caughtUp()
  await store.redis.hset(store.keys.stock, 'cup', '7 2 0')
  redis = new Redis(store.config.redisUrl)
})

afterEach(async () => {
  redis.disconnect()
  await store.redis.del(store.keys.reconciler)
  for (const table of ['reservations', 'reconciliations']) {
    await store.database.$executeRawUnsafe(`RENAME TABLE ${table}_away TO ${table}`).catch(() => {})
  }
})

async function repair({ settings, prepare, strike }: Breakage) {
  const { name, services } = store
  const ending = new AbortController()
  await prepare?.()
  const survey = new StoreSurvey(redis, name)
  const corrections = new StoreCorrections(redis, name)
  const all = { ...reconciliationSettings, ...settings }
  const reconciler = new Reconciler(survey, corrections, services.ledger, all, log, ({ phase }) => {
    if (phase === 'reservations') strike?.(redis, ending)
  })
  return reconciler.run({ repair: true, signal: ending.signal })
}

async function expectTrace() {
  const [newest] = await readReports(store.services.ledger, undefined, 1)
  expect(newest).toMatchObject({
    ...{ complete: false, repair: true, driftedTotal: 1, repaired: 1 },
    drifted: [{ sku: 'cup', field: 'available', redis: 7, expected: 8, repaired: true }],
  })
  expect(await readNewestComplete(store.services.ledger)).toBeUndefined()
  expect(await store.redis.hget(store.keys.stock, 'cup')).toBe('8 2 0')
  return newest
}

test.each<[string, Breakage]>([
  ['redis-unavailable', { strike: (lost) => lost.disconnect() }],
  ['mysql-unavailable', withoutReservations],
  [
    'reconciliation-running',
    {
      // It is renewed each ms.
      settings: { leaseMs: 4 },
      strike: (on) => {
        const until = performance.now() + 2
        while (performance.now() < until);
        on.set(store.keys.reconciler, 'another')
      },
    },
  ],
])('a repair that ends with %s leaves a report of what it corrected', async (refused, breakage) => {
  const ended = await repair(breakage)
  expect(ended).toMatchObject({ refused })
  const report = await expectTrace()
  expect('refused' in ended && ended.report).toEqual(report)
})

test('a repair that is told to end leaves a report of what it corrected', async () => {
  await expect(repair({ strike: (_redis, ending) => ending.abort() })).rejects.toThrow('abort')
  await expectTrace()
})

test('a repair that meets a defect leaves a report of what it corrected', async () => {
  vi.spyOn(StoreSurvey.prototype, 'unlike').mockRejectedValueOnce(new BrokenScriptError('a defect'))
  await expect(repair({})).rejects.toThrow('a defect')
  await expectTrace()
})

test('the answer and the command say that it is not at its end', async () => {
  await withoutReservations.prepare()
  const answer = await store.service.app.inject({
    method: 'POST',
    url: '/v1/reconciliations',
    headers: { 'holdfast-store': store.name },
    payload: { repair: true },
  })
  expect(answer.statusCode).toBe(503)
  expect(answer.json().type).toBe('urn:holdfast:mysql-unavailable')
  const left = await expectTrace()

  await store.caughtUp()
  await store.redis.hset(store.keys.stock, 'cup', '7 2 0')
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const status = await runReconcile({ ...store.config, logLevel: 'silent' }, ['--repair'])
  const sentences = said.mock.calls.map(([line]) => line)
  said.mockRestore()
  const report = await expectTrace()
  expect(report?.id).toBeGreaterThan(left?.id ?? 0)
  expect({ status, sentences }).toEqual({
    status: 1,
    sentences: [
      `Store ${store.name} was not compared to its end: MySQL did not answer; repeat the call. ` +
        `Report ${report?.id} names what was corrected.`,
    ],
  })
})

test('a report that cannot be kept is told in the log', async () => {
  const before = await readReports(store.services.ledger, undefined, 100)
  const said = vi.spyOn(log, 'warn')
  const ended = await repair({
    prepare: async () => {
      await withoutReservations.prepare()
      await store.database.$executeRawUnsafe('RENAME TABLE reconciliations TO reconciliations_away')
    },
  })
  expect(ended).toEqual({ refused: 'mysql-unavailable' })
  expect(said.mock.calls).toContainEqual([
    expect.objectContaining({ store: store.name, repaired: 1 }),
    'The report of what was corrected cannot be kept',
  ])
  await store.database.$executeRawUnsafe('RENAME TABLE reconciliations_away TO reconciliations')
  expect(await readReports(store.services.ledger, undefined, 100)).toEqual(before)
})

test('a repair that nobody writes down leaves a report of what it corrected', async () => {
  await store.work.stop()
  const ended = await repair({ settings: { lagWaitMs: 100 } })
  expect(ended).toMatchObject({ refused: 'ledger-behind' })
  await expectTrace()
})
