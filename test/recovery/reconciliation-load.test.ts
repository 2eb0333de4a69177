import { beforeEach, expect, test } from 'vitest'
import { parseCounts } from '../../src/domain/stock.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { eventually } from '../support/test-store.js'
import { openReconciledStore, type ReconciledStore, startLoad } from './reconciliation-store.js'

const skus = Array.from({ length: 20 }, (_, i) => `sku-${String(i).padStart(2, '0')}`)
let store: ReconciledStore

// A store for each test: what a run compares grows with the load.
beforeEach(async () => {
  store = await openReconciledStore()
  for (const sku of skus) await store.services.gate.setStock(sku, 100_000)
})

/** Adds to what is available of a SKU in Redis, behind the scripts' back. */
async function addBehind(sku: string, units: number): Promise<void> {
  const script = `local a, rest = string.match(redis.call('HGET', KEYS[1], ARGV[1]), '^(%d+)( .*)$')
    redis.call('HSET', KEYS[1], ARGV[1], (a + ARGV[2]) .. rest) return 1`
  await store.redis.eval(script, 1, store.keys.stock, sku, units)
}

test('finds nothing while clients hold, pay, extend, release and expire', async () => {
  const load = startLoad(store, skus)
  await eventually(() => load.calls() > 200, 'the load is under way')
  const before = load.calls()
  for (let i = 0; i < 8; i++) {
    const report = await store.reconcile()
    expect(report.drifted).toEqual([])
    expect(report.checked.skus).toBeGreaterThanOrEqual(skus.length)
  }
  const during = load.calls() - before
  await load.stop()
  expect(during).toBeGreaterThan(200)
  expect((await store.reconcile()).drifted).toEqual([])
})

test('repairs counts while the load goes on, by what they were off', async () => {
  const load = startLoad(store, skus)
  const [hot, cold] = skus as [string, string]
  await addBehind(hot, 500)
  await addBehind(cold, -70)
  const calls = load.calls()
  await eventually(() => load.calls() > calls + 100, 'entries carry the damage on')
  const repaired = await store.reconcile(true)
  const again = await store.reconcile()
  await load.stop()
  expect(repaired.drifted.map(({ sku, field }) => `${sku} ${field}`).sort()).toEqual([
    `${hot} available`,
    `${cold} available`,
  ])
  for (const drift of repaired.drifted) {
    expect(drift).toMatchObject({ repaired: true })
    expect(Number(drift.redis) - Number(drift.expected)).toBe(drift.sku === hot ? 500 : -70)
    expect(drift.cause).toMatch(/^Redis' counts were changed outside Holdfast (between|after)/)
  }
  expect(again.drifted).toEqual([])
  expect(await store.corrections({ sku: hot })).toHaveLength(1)
  expect((await store.reconcile()).drifted).toEqual([])
})

test('of two repairs at once one runs, and a correction of the same finding applies once', async () => {
  const sku = skus[2] as string
  await store.caughtUp()
  await addBehind(sku, 40)
  const damaged = parseCounts((await store.redis.hget(store.keys.stock, sku)) as string)
  const { reconciler } = store.services
  const both = await Promise.all([reconciler.run({ repair: true }), reconciler.run({ repair: true })])
  expect(both.filter((report) => 'refused' in report)).toEqual([{ refused: 'reconciliation-running' }])
  const healed = parseCounts((await store.redis.hget(store.keys.stock, sku)) as string)
  expect(healed?.available).toBe((damaged?.available ?? 0) - 40)

  // The same without the lease: both runs saw the damage at one position.
  await addBehind(sku, 40)
  const { position, items } = await new StoreSurvey(store.redis, store.name).skus([sku])
  const seen = items[0]?.counts as string
  const truth = { ...(healed as NonNullable<typeof healed>) }
  const corrections = new StoreCorrections(store.redis, store.name)
  const outcomes = await Promise.all(
    ['run-1', 'run-2'].map((run) =>
      corrections.correctCounts({ run, position }, sku, seen, truth, 'reconciliation: test'),
    ),
  )
  expect(outcomes.filter((outcome) => 'position' in outcome)).toHaveLength(1)
  expect(outcomes.filter((outcome) => 'unrepaired' in outcome)).toEqual([
    { unrepaired: 'the store was restored or corrected by another run meanwhile; run again' },
  ])
  expect(parseCounts((await store.redis.hget(store.keys.stock, sku)) as string)).toEqual(truth)
  expect((await store.reconcile()).drifted).toEqual([])
})
