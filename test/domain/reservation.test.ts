import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatLines,
  formatRequest,
  type Line,
  parseLines,
  parseRecord,
  sumLines,
} from '../../src/domain/reservation.js'

const sku = fc.string({ minLength: 1, maxLength: 64, unit: fc.constantFrom(...'AZaz09._-') })
const line: fc.Arbitrary<Line> = fc.record({ sku, quantity: fc.integer({ min: 1, max: 20_000 }) })
const cart = fc.array(line, { minLength: 1, maxLength: 50 })

describe('the lines of a cart', () => {
  test('are added up by SKU, none lost and none made', () => {
    fc.assert(
      fc.property(cart, (lines) => {
        const summed = sumLines(lines)
        expect(new Set(summed.map((l) => l.sku)).size).toBe(summed.length)
        for (const { sku: name, quantity } of summed) {
          const own = lines.filter((l) => l.sku === name)
          expect(quantity).toBe(own.reduce((sum, l) => sum + l.quantity, 0))
        }
        expect(summed.length).toBe(new Set(lines.map((l) => l.sku)).size)
      }),
    )
  })

  test('have one text, in whatever order they come', () => {
    fc.assert(
      fc.property(
        cart.chain((lines) =>
          fc.tuple(
            fc.constant(lines),
            fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length }),
          ),
        ),
        ([lines, shuffled]) => {
          expect(formatLines(sumLines(shuffled))).toBe(formatLines(sumLines(lines)))
        },
      ),
    )
  })

  test('are read back as they were written', () => {
    fc.assert(
      fc.property(cart, (lines) => {
        const summed = sumLines(lines)
        expect(parseLines(formatLines(summed))).toEqual(summed)
      }),
    )
  })

  test.for([
    ...['', 'cup', ':1', 'cup:', 'cup:0', 'cup:-1', 'cup:1.5', 'cup:1000001', 'cup:nan', 'cup:1,', ',cup:1'],
    ...['cup:1e3', 'cup:0x10', 'cup: 1', 'cup:1 ', 'cup:01', 'c p:1', 'cüp:1', `${'c'.repeat(65)}:1`],
    Array.from({ length: 51 }, (_, i) => `s${i}:1`).join(','),
  ])('are not read from %j', (text) => {
    expect(parseLines(text)).toBeUndefined()
  })
})

const request = formatRequest({
  customerId: 'c',
  orderId: undefined,
  ttlSeconds: 900,
  lines: [{ sku: 'cup', quantity: 2 }],
})
const good = ['held', '1-7', '1000', '901000', '', '', '', 'key', ...request.split('\t')]

describe('a record', () => {
  test('is read field by field; an empty one is absent', () => {
    expect(parseRecord('r1', good.join('\t'))).toEqual({
      id: 'r1',
      state: 'held',
      position: { epoch: 1, sequence: 7 },
      createdAtMs: 1000,
      expiresAtMs: 901_000,
      closedAtMs: undefined,
      reacquired: false,
      paymentRef: undefined,
      idempotencyKey: 'key',
      ttlSeconds: 900,
      lines: [{ sku: 'cup', quantity: 2 }],
      customerId: 'c',
      orderId: undefined,
    })
  })

  test.for([
    ['a state of no reservation', 0, 'paid'],
    ['a state that every object knows', 0, 'constructor'],
    ['no position', 1, ''],
    ['a position that is none', 1, '1-x'],
    ['no time of creation', 2, ''],
    ['a time in another notation', 2, '0x10'],
    ['a deadline that is none', 3, 'nan'],
    ['no deadline', 3, ''],
    ['an end that is none', 4, 'soon'],
    ['a mark that is none', 5, 'yes'],
    ['a time to live that is none', 8, 'nan'],
    ['lines that are none', 9, 'cup'],
  ] as const)('is not read with %s', ([_what, field, value]) => {
    expect(parseRecord('r1', good.with(field, value).join('\t'))).toBeUndefined()
  })

  test('is not read with a field too few or too many', () => {
    expect(parseRecord('r1', good.slice(1).join('\t'))).toBeUndefined()
    expect(parseRecord('r1', [...good, ''].join('\t'))).toBeUndefined()
    expect(parseRecord('r1', '')).toBeUndefined()
  })
})
