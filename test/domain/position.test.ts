import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparePositions, formatPosition, origin, parsePosition } from '../../src/domain/position.js'

const position = fc.record({
  epoch: fc.integer({ min: 0, max: 999_999_999 }),
  sequence: fc.integer({ min: 0, max: 999_999_999_999_999 }),
})

describe('a position', () => {
  test('is read back as it was written', () => {
    fc.assert(
      fc.property(position, (p) => {
        expect(parsePosition(formatPosition(p))).toEqual(p)
      }),
    )
  })

  test('comes after every one of an earlier epoch, and by its sequence within its own', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const order = a.epoch === b.epoch ? Math.sign(a.sequence - b.sequence) : Math.sign(a.epoch - b.epoch)
        expect(Math.sign(comparePositions(a, b))).toBe(order)
        expect(comparePositions(a, a)).toBe(0)
        expect(comparePositions(origin, a)).toBeLessThanOrEqual(0)
      }),
    )
  })

  test.for(['', '1', '1-', '-1', '1-1-1', '1--1', 'a-1', '1e3-1', '0x1-1', ' 1-1', '1-1 ', '1-1\n', '1.0-1'])(
    'is not read from %j',
    (text) => {
      expect(parsePosition(text)).toBeUndefined()
    },
  )
})
