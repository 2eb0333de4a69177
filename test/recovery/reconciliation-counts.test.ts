import { beforeAll, describe, expect, test } from 'vitest'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import type { ReservationOn } from '../../src/stock/gate.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

let store: ReconciledStore
let nextSku = 0

beforeAll(async () => {
  store = await openReconciledStore()
})

/** A SKU with 20 units, 3 of them held and 2 sold, known to MySQL. */
async function prepare(): Promise<string> {
  const sku = `sku-${nextSku++}`
  await store.services.gate.setStock(sku, 20)
  await store.hold(sku, 3)
  const { id } = await store.hold(sku, 2)
  await store.services.gate.confirm(id, 'pay-1', 'refuse')
  await store.caughtUp()
  return sku
}

const counts = (sku: string) => store.redis.hget(store.keys.stock, sku)
const setCounts = (sku: string, to: string) => store.redis.hset(store.keys.stock, sku, to)
const sql = (statement: string, ...values: (string | number)[]) =>
  store.database.$executeRawUnsafe(statement, ...values)

async function repairAll(): Promise<void> {
  const { driftedTotal, repaired, drifted } = await store.reconcile(true)
  expect(repaired, JSON.stringify(drifted)).toBe(driftedTotal)
  expect((await store.reconcile()).drifted).toEqual([])
}

describe('a shelf that was counted', () => {
  test('after damage is what the count says, and no repair adds to it', async () => {
    const sku = await prepare()
    await setCounts(sku, '10 3 2')
    await store.services.gate.setStock(sku, 18)
    await store.caughtUp()
    expect((await store.reconcile(true)).drifted).toEqual([])
    await store.hold(sku)
    await setCounts(sku, '11 4 2')
    await repairAll()
    expect(await counts(sku)).toBe('14 4 2')
  })

  test('anew after its counts were deleted keeps what is held and sold', async () => {
    const sku = await prepare()
    await store.redis.hdel(store.keys.stock, sku)
    await store.services.gate.setStock(sku, 100)
    await store.caughtUp()
    await repairAll()
    expect(await counts(sku)).toBe('97 3 2')
  })

  test('with damage that later entries carry on is corrected by what was counted', async () => {
    const sku = await prepare()
    await setCounts(sku, '10 3 2')
    await store.services.gate.setStock(sku, 18)
    await setCounts(sku, '25 3 2')
    await store.hold(sku)
    await store.caughtUp()
    await repairAll()
    expect(await counts(sku)).toBe('14 4 2')
  })

  test('and corrected since goes by the correction', async () => {
    const sku = await prepare()
    await store.services.gate.setStock(sku, 30)
    await setCounts(sku, '10 3 2')
    await repairAll()
    expect(await counts(sku)).toBe('27 3 2')
    await setCounts(sku, '11 3 2')
    await repairAll()
    expect(await counts(sku)).toBe('27 3 2')
  })

  test('whose line was changed in MySQL corrects nothing in Redis', async () => {
    const sku = await prepare()
    await store.services.gate.setStock(sku, 30)
    const changed =
      "UPDATE ledger SET available = available + ? WHERE sku = ? AND kind = 'set' AND quantity <> 20"
    await store.caughtUp()
    await sql(changed, 6, sku)
    await sql('UPDATE stock SET available = available + 6 WHERE sku = ?', sku)
    await store.reconcile(true)
    expect(await counts(sku), 'the newest line').toBe('27 3 2')

    const other = await prepare()
    await store.services.gate.setStock(other, 30)
    await store.hold(other)
    await store.caughtUp()
    await sql(changed, 6, other)
    await store.reconcile(true)
    expect(await counts(other), 'one that others follow').toBe('26 4 2')
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test.each(['reserve', 'confirm', 'release'])('is not what a %s was changed to in MySQL', async (kind) => {
    const sku = await prepare()
    const { id } = await store.hold(sku, 4)
    if (kind === 'confirm') await store.services.gate.confirm(id, 'pay-2', 'refuse')
    if (kind === 'release') await store.services.gate.release(id)
    await store.hold(sku)
    await store.caughtUp()
    const right = await counts(sku)
    await sql("UPDATE ledger SET kind = 'set' WHERE kind = ? AND reservation_id = ?", kind, id)
    await store.reconcile(true)
    expect(await counts(sku)).toBe(right)
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('while a run is at work voids what the run has read', async () => {
    const sku = await prepare()
    await setCounts(sku, '10 3 2')
    const { position, items } = await new StoreSurvey(store.redis, store.name).skus([sku])
    const truth = { available: 15, held: 3, sold: 2 }
    await store.services.gate.setStock(sku, 18)
    const corrections = new StoreCorrections(store.redis, store.name)
    const correct = () =>
      corrections.correctCounts({ run: 'run-1', position }, sku, items[0]?.counts as string, truth, 'late')
    expect(await correct()).toMatchObject({
      unrepaired: 'a shelf of the store was counted meanwhile; run again',
    })
    expect(await counts(sku)).toBe('15 3 2')
    await store.caughtUp()
    expect((await store.reconcile()).drifted).toEqual([])
  })
})

test('other shelves that are counted all the time keep no run from its repair', async () => {
  const [sku, other] = [await prepare(), await prepare()]
  await setCounts(sku, '10 3 2')
  let counted = 100
  class BusyCorrections extends StoreCorrections {
    override async correctCounts(...args: Parameters<StoreCorrections['correctCounts']>) {
      if (counted < 103) await store.services.gate.setStock(other, counted++)
      return super.correctCounts(...args)
    }
  }
  const reconciler = new Reconciler(
    new StoreSurvey(store.redis, store.name),
    new BusyCorrections(store.redis, store.name),
    store.services.ledger,
    reconciliationSettings,
    { warn() {} },
  )
  expect(await reconciler.run({ repair: true })).toMatchObject({ driftedTotal: 1, repaired: 1 })
  expect(counted).toBe(103)
  expect(await counts(sku)).toBe('15 3 2')
  expect((await store.reconcile()).drifted).toEqual([])
})

describe('units that were sold and not there', () => {
  test('leave none available, and the report says how many', async () => {
    const sku = await prepare()
    await setCounts(sku, '65 3 2')
    const { id } = await store.hold(sku, 30)
    await store.services.gate.confirm(id, 'pay-2', 'refuse')
    await store.caughtUp()
    const { drifted } = await store.reconcile(true)
    expect(drifted).toEqual([
      expect.objectContaining({ sku, field: 'available', redis: 35, expected: 0, repaired: true }),
    ])
    expect(drifted[0]?.cause).toContain('15 more were held or sold than there were')
    expect(await counts(sku)).toBe('0 3 32')
    const again = await store.reconcile(true)
    expect(again.drifted, 'until the shelf is counted').toEqual([
      expect.objectContaining({ sku, field: 'available', redis: 0, expected: 0, repaired: false }),
    ])
    expect(again.drifted[0]?.cause).toContain('15 more were held or sold than there were')
    expect(again.drifted[0]?.unrepaired).toMatch(/settled with the customers/)
    await store.services.gate.setStock(sku, 5)
    await store.caughtUp()
    expect((await store.reconcile()).drifted).toEqual([])
    expect(await counts(sku)).toBe('2 3 32')
  })

  test('do not come into being when they are given back', async () => {
    const sku = await prepare()
    await setCounts(sku, '65 3 2')
    const { id } = await store.hold(sku, 40)
    const { position, items } = await new StoreSurvey(store.redis, store.name).skus([sku])
    await store.hold(sku, 3)
    const outcome = await new StoreCorrections(store.redis, store.name).correctCounts(
      { run: 'run-1', position },
      sku,
      items[0]?.counts as string,
      { available: -25, held: 43, sold: 2 },
      'reconciliation: test',
    )
    expect(outcome).toMatchObject({ short: 28 })
    await store.services.gate.release(id)
    expect(await counts(sku)).toBe('40 6 2')
    await store.caughtUp()
    await repairAll()
    expect(await counts(sku)).toBe('12 6 2')
  })

  test('since the counts were read leave none available either', async () => {
    const sku = await prepare()
    await setCounts(sku, '65 3 2')
    const { position, items } = await new StoreSurvey(store.redis, store.name).skus([sku])
    await store.hold(sku, 40)
    const outcome = await new StoreCorrections(store.redis, store.name).correctCounts(
      { run: 'run-1', position },
      sku,
      items[0]?.counts as string,
      { available: 15, held: 3, sold: 2 },
      'reconciliation: test',
    )
    expect(outcome).toMatchObject({ short: 25 })
    expect(await counts(sku)).toBe('0 43 2')
    await store.services.gate.setStock(sku, 43)
    await store.services.gate.adjustStock(sku, 1, undefined, undefined)
    await store.caughtUp()
    expect((await store.reconcile()).drifted).toEqual([expect.objectContaining({ sku, expected: 0 })])
    await store.services.gate.setStock(sku, 43)
    await store.caughtUp()
    expect((await store.reconcile()).drifted).toEqual([])
  })
})

test('a SKU that a run meets twice is corrected once', async () => {
  const sku = await prepare()
  await setCounts(sku, '18 3 2')
  class TwiceSurvey extends StoreSurvey {
    override async *scanSkus(count: number) {
      for await (const part of super.scanSkus(count)) {
        yield part
        yield part
      }
    }
  }
  const reconciler = new Reconciler(
    new TwiceSurvey(store.redis, store.name),
    new StoreCorrections(store.redis, store.name),
    store.services.ledger,
    reconciliationSettings,
    { warn() {} },
  )
  expect(await reconciler.run({ repair: true })).toMatchObject({ driftedTotal: 1, repaired: 1 })
  expect(await counts(sku)).toBe('15 3 2')
  expect((await store.reconcile()).drifted).toEqual([])
})

describe('a line of a cart', () => {
  async function cart(): Promise<{ one: string; other: string; id: string }> {
    const [one, other] = [await prepare(), await prepare()] as [string, string]
    const lines = [
      { sku: one, quantity: 3 },
      { sku: other, quantity: 1 },
    ]
    const request = { customerId: 'c', orderId: undefined, ttlSeconds: 900, lines }
    const { reservation } = (await store.services.gate.reserve(request, undefined)) as ReservationOn
    for (const sku of [one, other]) await store.hold(sku)
    await store.caughtUp()
    return { one, other, id: reservation.id }
  }

  test('that is missing from the ledger is no reason to change counts that are right', async () => {
    const { one, id } = await cart()
    const [line] = await store.database.ledgerLine.findMany({ where: { reservationId: id, sku: one } })
    await sql('DELETE FROM ledger WHERE reservation_id = ? AND sku = ?', id, one)
    const { repaired, drifted } = await store.reconcile(true)
    expect(repaired).toBe(0)
    expect(drifted[0]).toMatchObject({ sku: one, cause: expect.stringMatching(/lacks entries between/) })
    expect(await counts(one)).toBe('11 7 2')
    await store.database.ledgerLine.create({ data: line as NonNullable<typeof line> })
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('that was made one of another SKU neither', async () => {
    const { one, id } = await cart()
    const stranger = await prepare()
    await sql('UPDATE ledger SET sku = ? WHERE reservation_id = ? AND sku = ?', stranger, id, one)
    const { repaired, drifted } = await store.reconcile(true)
    expect(repaired).toBe(0)
    const causes = drifted.map(({ sku, cause }) => `${sku} ${cause}`)
    expect(causes).toContainEqual(expect.stringMatching(`^${one} .*lacks entries between`))
    expect(causes).toContainEqual(expect.stringMatching(`^${stranger} .*its reservation has no such SKU`))
    await sql('UPDATE ledger SET sku = ? WHERE reservation_id = ? AND sku = ?', one, id, stranger)
    expect((await store.reconcile()).drifted).toEqual([])
  })
})
