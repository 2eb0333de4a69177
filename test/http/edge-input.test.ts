import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

// A failure prints the seed and the smallest input that fails.
const runs = { numRuns: 60 }

const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 20_000 })).app)
  await store.worker({ writerLingerMs: 0 })
})

const skuCharacter = fc.constantFrom(...'ABCXYZabcxyz0123456789._-')
/** `.` and `..` alone are steps of a path: no client can send them as a SKU in one. */
const sku = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 64, unit: skuCharacter }),
    fc.string({ minLength: 64, maxLength: 64, unit: skuCharacter }),
    fc.constantFrom('...', '.a', '-', '_', '__proto__', 'constructor', 'toString', '0', '-0', '1e3', 'nan'),
  )
  .filter((name) => name !== '.' && name !== '..')
const edge = (min: number, max: number) => fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }))

/** Every text the contract takes: no control characters, 1 to 128 code points. */
const text = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 128, unit: 'binary' }),
    fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
    fc.string({ minLength: 128, maxLength: 128, unit: fc.constantFrom('🎁', 'é', 'a', '中', '\u200d') }),
    fc.constantFrom(
      '👩‍👩‍👧‍👦',
      ' ',
      '  two  ',
      '"',
      "'; DROP TABLE ledger; --",
      '\\',
      '\\u0000',
      '%s',
      'ﬀ',
      '\u202e',
      '\ufeff',
    ),
    fc.constantFrom('a,b:1', '{}', '[null]', 'é', 'e\u0301', 'ß', '\u2028', '\u{10ffff}', 'NULL', '0', '1-1'),
  )
  .map((value) => [...value.replace(/[\p{Cc}\p{Cs}]/gu, '_')].slice(0, 128).join(''))

const cart = fc
  .uniqueArray(fc.tuple(sku, edge(1, 1_000_000)), { minLength: 1, maxLength: 50, selector: ([name]) => name })
  .map((lines) => lines.map(([name, quantity]) => ({ sku: name, quantity })))

async function inMysql(id: string) {
  const row = await store.database.reservation.findFirst({ where: { id } })
  if (!row) return undefined
  const { customerId, orderId, paymentRef, ttlSeconds, lines, state } = row
  return { customerId, orderId, paymentRef, ttlSeconds, lines, state }
}

const bySku = (a: { sku: string }, b: { sku: string }) => (a.sku < b.sku ? -1 : 1)

describe('what the contract allows at its edges', () => {
  test('is reserved, comes back and reaches MySQL unchanged', async () => {
    const request = fc.record({
      customerId: text,
      orderId: fc.option(text, { nil: undefined }),
      ttlSeconds: edge(1, 86_400),
      lines: cart,
      paymentRef: fc.option(text, { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ paymentRef, ...body }) => {
        for (const line of body.lines) {
          expect([200, 201]).toContain((await client.put(`/v1/stock/${line.sku}`, { onHand: 1e12 })).status)
        }
        const key = { 'idempotency-key': randomUUID() }
        const held = await client.post('/v1/reservations', body, key)
        expect(held.status, held.text).toBe(201)
        const lines = [...body.lines].sort(bySku)
        const { id, createdAt, expiresAt, ...told } = held.body
        const orderId = body.orderId === undefined ? {} : { orderId: body.orderId }
        expect(told).toEqual({ state: 'held', customerId: body.customerId, ...orderId, lines })
        expect(Date.parse(String(expiresAt)) - Date.parse(String(createdAt))).toBe(body.ttlSeconds * 1000)
        expect((await client.post('/v1/reservations', body, key)).body.id).toBe(id)
        const end = await client.post(`/v1/reservations/${id}/confirm`, {
          paymentRef,
          ifExpired: 'reacquire',
        })
        expect(end.status, end.text).toBe(200)
        expect(end.body.paymentRef).toBe(paymentRef)
        expect(await inMysql(id)).toEqual({
          customerId: body.customerId,
          orderId: body.orderId ?? null,
          paymentRef: paymentRef ?? null,
          ttlSeconds: body.ttlSeconds,
          lines: lines.map(({ sku: name, quantity }) => `${name}:${quantity}`).join(','),
          state: 'confirmed',
        })
      }),
      runs,
    )
  })

  test('is 50 lines of SKUs of 64 characters with a million units each', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => ({
      sku: String(i + 10).padStart(64, 'S'),
      quantity: 1_000_000,
    }))
    for (const line of lines) await client.put(`/v1/stock/${line.sku}`, { onHand: 1_000_000 })
    const held = await client.post('/v1/reservations', {
      customerId: '🎁'.repeat(128),
      ttlSeconds: 86_400,
      lines,
    })
    expect([held.status, held.body.lines]).toEqual([201, lines])
    const paid = await client.post(`/v1/reservations/${held.body.id}/confirm`)
    expect([paid.status, paid.body.lines, paid.body.customerId]).toEqual([200, lines, '🎁'.repeat(128)])
    const stock = await store.database.stock.findMany({
      where: { sku: { in: lines.map((line) => line.sku) } },
    })
    expect(stock.map(({ available, sold }) => [Number(available), Number(sold)])).toEqual(
      lines.map(() => [0, 1_000_000]),
    )
  })

  test('is counts of up to 10^12, which reach MySQL exactly', async () => {
    const amount = fc.oneof(
      fc.constantFrom(0, 1, 1e12, 1e12 - 1, 2 ** 32, 2 ** 31, 999_999_999_999),
      edge(0, 1e12),
    )
    await fc.assert(
      fc.asyncProperty(amount, amount, text, async (onHand, target, reason) => {
        const name = `count-${randomUUID()}`
        expect((await client.put(`/v1/stock/${name}`, { onHand })).body).toMatchObject({ available: onHand })
        const quantity = target - onHand
        if (quantity !== 0) {
          const answer = await client.post(`/v1/stock/${name}/adjustments`, { quantity, reason })
          expect([answer.status, answer.body.available], answer.text).toEqual([200, target])
        }
        await eventually(async () => {
          const row = await store.database.stock.findFirst({ where: { sku: name } })
          return row !== null && Number(row.available) === target
        }, `MySQL holds ${target} of ${name}`)
        const { items } = (await client.get(`/v1/ledger?sku=${name}`)).body
        const adjusted =
          quantity === 0
            ? []
            : [
                {
                  kind: 'adjust',
                  reason,
                  lines: [{ sku: name, quantity, available: target, held: 0, sold: 0 }],
                },
              ]
        expect(items).toMatchObject([
          { kind: 'set', lines: [{ sku: name, quantity: onHand, available: onHand, held: 0, sold: 0 }] },
          ...adjusted,
        ])
      }),
      runs,
    )
  })
})
