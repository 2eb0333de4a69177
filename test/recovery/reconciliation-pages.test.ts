import { expect, test } from 'vitest'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { openReconciledStore } from './reconciliation-store.js'

test('what is spread over many pages and parts is all compared, each once', async () => {
  const store = await openReconciledStore()
  const { gate, ledger } = store.services
  const skus = Array.from({ length: 10 }, (_, i) => `cup-${i}`)
  for (const sku of skus) await gate.setStock(sku, 100)
  const ids: string[] = []
  for (let i = 0; i < 40; i++) ids.push((await store.hold(skus[i % skus.length] as string)).id)
  const [paid, released, lost, unknown, moved] = ids as [string, string, string, string, string]
  await gate.confirm(paid, 'pay-1', 'refuse')
  await gate.release(released)
  await store.caughtUp()
  const found: object[] = []
  const settings = { ...reconciliationSettings, pageRows: 7, partItems: 3, partsAheadMax: 2 }
  const reconciler = new Reconciler(
    new StoreSurvey(store.redis, store.name),
    new StoreCorrections(store.redis, store.name),
    ledger,
    settings,
    { warn: (fields) => found.push(fields) },
  )
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
