import { beforeAll, describe, expect, test } from 'vitest'
import type { Reservation } from '../../src/domain/reservation.js'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants, readStore } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import type { TestStore } from '../support/test-store.js'

/** Texts that the contract allows and that some layer between here and the table could spoil. */
const texts = {
  'of other alphabets': 'Zoë Ωmega 日本語 العربية עברית',
  'beyond the basic plane': '🛒👩‍👩‍👧‍👦𝒳𐍈',
  'of the longest length, four bytes a character': '🛒'.repeat(128),
  'with quotes, backslashes and percent signs': `'"\`\\ \\n %s %_ $[0] {"a":[1,null]} \\u0041 -- ; #`,
  'with spaces at its ends': '  a  b  ',
  'that looks like a number': '007',
  'that looks like null': 'null',
  'that differs by case and accent alone': 'RÉSUMÉ',
  'with separators that are no control characters': 'a\u2028b\u2029c\u00a0d\ufeffe\u200dF',
} as const

describe('MySQL gives back', () => {
  let store: TestStore
  let shopper: Shopper
  let fromMysql: (id: string) => Promise<Reservation | undefined>

  beforeAll(async () => {
    store = await openBriefStore({ confirmWaitMs: 5000 })
    const api = await store.api()
    await store.worker()
    shopper = new Shopper(api.app)
    fromMysql = async (id) => api.stores.get(store.name)?.ledger.reservation(id)
    expect((await shopper.set('CUP', 1000)).status).toBe(201)
  })

  const lines = [{ sku: 'CUP', quantity: 1 }]

  test.each(Object.entries(texts))('a text %s exactly as it came', async (_what, text) => {
    const { status, body } = await shopper.reserve({ lines, customerId: text, orderId: text })
    expect(status).toBe(201)
    expect((await shopper.confirm(body.id, { paymentRef: text })).status).toBe(200)
    const { redis, mysql } = await readStore(store)
    expect(mysql.reservations.get(body.id)).toEqual(redis.reservations.get(body.id))
    expect(await fromMysql(body.id)).toMatchObject({ customerId: text, orderId: text, paymentRef: text })
  })

  test('what was not given as not given', async () => {
    const { body } = await shopper.reserve({ lines })
    await shopper.confirm(body.id)
    const found = await fromMysql(body.id)
    expect(found).toMatchObject({ orderId: undefined, paymentRef: undefined, idempotencyKey: undefined })
    const row = await store.database.reservation.findFirstOrThrow({ where: { id: body.id } })
    expect(row).toMatchObject({ orderId: null, paymentRef: null, idempotencyKey: null })
  })

  test.each([
    ['of every printable character', String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i))],
    ['of the longest length', '"\\'.repeat(127).padEnd(255, '"')],
  ])('an idempotency key %s exactly as it came', async (_what, key) => {
    const { status, body } = await shopper.reserve({ lines }, key)
    expect(status).toBe(201)
    await readStore(store)
    expect((await fromMysql(body.id))?.idempotencyKey).toBe(key)
  })

  test('counts of the largest size and carts of the most lines exactly as they came', async () => {
    const largest = 1_000_000_000_000
    const skus = Array.from({ length: 50 }, (_, i) => `${i}-`.padEnd(64, 'Xx.9_'))
    for (const sku of skus) expect((await shopper.set(sku, largest)).status).toBe(201)
    const cart = skus.map((sku) => ({ sku, quantity: 1_000_000 }))
    const { status, body } = await shopper.reserve({ lines: cart, ttlSeconds: 86_400 })
    expect(status).toBe(201)
    const { mysql } = await readStore(store)
    expect(mysql.reservations.get(body.id)?.lines).toHaveLength(50)
    expect(mysql.counts.get(skus[0] as string)).toEqual({
      available: largest - 1_000_000,
      held: 1_000_000,
      sold: 0,
    })
  })

  test('SKUs that differ by case alone as different ones', async () => {
    for (const [sku, onHand] of [
      ['tee', 1],
      ['TEE', 2],
      ['Tee', 3],
    ] as const) {
      expect((await shopper.set(sku, onHand)).status).toBe(201)
    }
    const { mysql } = await readStore(store)
    expect(['tee', 'TEE', 'Tee'].map((sku) => mysql.counts.get(sku)?.available)).toEqual([1, 2, 3])
  })

  test('everything else that these tests made', async () => {
    await expectInvariants(store)
  })
})
