import { expect, test } from 'vitest'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

function openReconciler(store: ReconciledStore, survey: StoreSurvey, found: object[] = []): Reconciler {
  const settings = { ...reconciliationSettings, pageRows: 7, partItems: 3, partsAheadMax: 2 }
  const corrections = new StoreCorrections(store.redis, store.name)
  const log = { warn: (fields: object) => found.push(fields) }
  return new Reconciler(survey, corrections, store.services.ledger, settings, log)
}

test('what is spread over many pages and parts is all compared, each once', async () => {
  const store = await openReconciledStore()
  const { gate } = store.services
  const skus = Array.from({ length: 10 }, (_, i) => `cup-${i}`)
  for (const sku of skus) await gate.setStock(sku, 100)
  const ids: string[] = []
  for (let i = 0; i < 40; i++) ids.push((await store.hold(skus[i % skus.length] as string)).id)
  const [paid, released, lost, unknown, moved] = ids as [string, string, string, string, string]
  await gate.confirm(paid, 'pay-1', 'refuse')
  await gate.release(released)
  await store.caughtUp()
  const found: object[] = []
  const reconciler = openReconciler(store, new StoreSurvey(store.redis, store.name), found)
  const clean = await reconciler.run({ repair: false })
  expect(clean).toMatchObject({ driftedTotal: 0, checked: { skus: 10, reservations: 40 } })

  await store.redis.hdel(store.keys.reservations, lost)
  await store.database.reservation.deleteMany({ where: { id: { in: [unknown, paid] } } })
  await store.redis.zadd(store.keys.deadlines, 1, moved)
  const record = (await store.redis.hget(store.keys.reservations, released)) as string
  await store.redis.hset(store.keys.reservations, released, record.replace('\tc\t', '\td\t'))
  const damaged = await reconciler.run({ repair: false })
  if ('refused' in damaged) throw new Error(damaged.refused)
  const subjects = damaged.drifted.flatMap(({ reservationId }) => reservationId ?? [])
  expect(new Set(subjects)).toEqual(new Set([lost, unknown, paid, moved, released]))
  // Redis holds no record of one.
  expect(damaged.checked.reservations).toBe(39)
  expect(found).toEqual([])
})

test('ends although reservations are made faster than it compares them, and leaves those to the next run', async () => {
  const store = await openReconciledStore()
  await store.services.gate.setStock('cup', 1000)
  const before = 20
  for (let i = 0; i < before; i++) await store.hold('cup')
  await store.caughtUp()
  const made: string[] = []
  class BusySurvey extends StoreSurvey {
    override async unlike(...args: Parameters<StoreSurvey['unlike']>) {
      // Bounded, so that a run without an end would end, too.
      for (let i = 0; i < 10 && made.length < 500; i++) made.push((await store.hold('cup')).id)
      await store.caughtUp()
      return super.unlike(...args)
    }
  }
  const busy = await openReconciler(store, new BusySurvey(store.redis, store.name)).run({ repair: false })
  expect(busy).toMatchObject({ driftedTotal: 0, checked: { reservations: before } })
  expect(made.length).toBeGreaterThan(before)

  const damaged = made.at(-1) as string
  await store.redis.zrem(store.keys.deadlines, damaged)
  const next = await openReconciler(store, new StoreSurvey(store.redis, store.name)).run({ repair: false })
  expect(next).toMatchObject({
    drifted: [{ reservationId: damaged, field: 'deadline' }],
    checked: { reservations: before + made.length },
  })
})
