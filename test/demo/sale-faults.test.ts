import { describe, expect, test } from 'vitest'
import type { HoldfastFacts } from '../../src/demo/holdfast-facts.js'
import { findBreaches, findDifferences, judge } from '../../src/demo/sale-faults.js'
import { items, ordersOf, soundFacts, soundPromises } from './sale-figures.js'

const sound = { unitsOversold: 0, differences: [], breaches: [] }

/** The figures of a SKU in one of the three sources, replaced. */
function withCounts(source: 'redis' | 'mysql' | 'ledgerFold', sku: string, counts: object): HoldfastFacts {
  const facts = soundFacts()
  const changed = new Map(facts[source])
  changed.set(sku, { available: 0, held: 0, sold: 0, ...changed.get(sku), ...counts })
  return { ...facts, [source]: changed }
}

test('equal stores and kept promises have no fault', () => {
  expect(findDifferences(items, soundFacts())).toEqual([])
  expect(findBreaches(items, soundFacts(), soundPromises)).toEqual([])
})

describe('a difference is found', () => {
  const cases: [string, HoldfastFacts, string][] = [
    [
      'between Redis and MySQL',
      withCounts('redis', 'B', { available: 0, sold: 20 }),
      'B: Redis has 0 available, 0 held, 20 sold, MySQL has 1 available, 0 held, 19 sold.',
    ],
    [
      'between MySQL and its ledger',
      withCounts('ledgerFold', 'A', { held: 1 }),
      'A: the ledger adds up to 0 available, 1 held, 10 sold, MySQL has 0 available, 0 held, 10 sold.',
    ],
    [
      'when a SKU is missing in MySQL',
      { ...soundFacts(), mysql: new Map([['B', { available: 1, held: 0, sold: 19 }]]) },
      'A: Redis has 0 available, 0 held, 10 sold, MySQL has nothing.',
    ],
    [
      'when units vanished everywhere',
      {
        ...soundFacts(),
        ...Object.fromEntries(
          (['redis', 'mysql', 'ledgerFold'] as const).map((source) => [
            source,
            withCounts(source, 'B', { available: 0 })[source],
          ]),
        ),
      },
      'B: 20 units were put on sale and 19 are accounted for.',
    ],
    [
      'when the sale did not come to rest',
      { ...soundFacts(), settled: false },
      'MySQL does not hold the whole ledger, or units are still held.',
    ],
  ]
  test.each(cases)('%s', (_name, facts, sentence) => {
    expect(findDifferences(items, facts)).toContain(sentence)
  })
})

describe('a breach is found', () => {
  const oversold = [...ordersOf('A', 11), ...ordersOf('B', 19)]
  const cases: [string, HoldfastFacts, ReadonlyMap<string, number>, string][] = [
    [
      'when more is sold than there was',
      { ...soundFacts(), orders: oversold },
      soundPromises,
      'A: 11 of 10 units are sold.',
    ],
    [
      'when orders and counts differ',
      { ...soundFacts(), orders: ordersOf('B', 19) },
      soundPromises,
      'A: orders hold 0 units and 10 are counted as sold.',
    ],
    [
      'when a customer was told otherwise',
      soundFacts(),
      new Map([...soundPromises, ['B', 20]]),
      'B: customers were promised 20 units, orders hold 19.',
    ],
    [
      'when a key had two effects',
      { ...soundFacts(), duplicates: 2 },
      soundPromises,
      '2 idempotency keys had a second effect.',
    ],
  ]
  test.each(cases)('%s', (_name, facts, promises, sentence) => {
    expect(findBreaches(items, facts, promises)).toContain(sentence)
  })
})

test.each([
  ['0 when all is well', sound, 0],
  ['1 when a unit was oversold', { ...sound, unitsOversold: 1 }, 1],
  ['1 when Redis and MySQL differ', { ...sound, differences: ['A: Redis has 1.'] }, 1],
  ['1 when a promise was broken', { ...sound, breaches: ['A: 11 of 10 units are sold.'] }, 1],
])('the exit status is %s', (_name, outcome, status) => {
  expect(judge(outcome)).toBe(status)
})
