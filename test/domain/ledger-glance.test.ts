import { expect, test } from 'vitest'
import { glanceAtLines, kindOf } from '../../src/domain/ledger-glance.js'

const record = 'held\t1-2\t1\t2\t\t\t\t\t60\tcup:1\tcustomer:7,x\t'

function glance(text: string, wanted: string[]): Record<string, unknown> {
  const seen: Record<string, unknown> = {}
  glanceAtLines(text, new Set(wanted), (sku, counts) => {
    seen[sku] = counts
  })
  return seen
}

test('an entry tells its kind and the counts of the SKUs that are wanted', () => {
  const text = `reserve\tr1\tcup:2:8:2:0,hat:1:0:1:7\t${record}`
  expect(kindOf(text)).toBe('reserve')
  expect(glance(text, ['hat', 'mug'])).toEqual({ hat: { available: 0, held: 1, sold: 7 } })
  expect(glance(text, ['cup', 'hat'])).toEqual({
    cup: { available: 8, held: 2, sold: 0 },
    hat: { available: 0, held: 1, sold: 7 },
  })
  expect(glance('adjust\t\tcup:-3:5:0:0\t\t', ['cup'])).toEqual({ cup: { available: 5, held: 0, sold: 0 } })
})

test.for(['', 'reserve', 'reserve\t', 'reserve\tr1', 'reserve\tr1\tcup:1:2:3:4', '\t\t\t', 'x\ty\tcup\tz'])(
  'what is no entry tells no counts: %j',
  (text) => {
    expect(glance(text, ['cup', '', 'r1', 'customer'])).toEqual({})
  },
)

test.for(['', 'sell\t', 'toString\tr1\t', 'reserve'])('has no kind: %j', (text) => {
  expect(kindOf(text)).toBeUndefined()
})
