import type { HoldfastFacts } from '../../src/demo/holdfast-facts.js'
import { summariseSale } from '../../src/demo/sale-outcome.js'
import type { Replay } from '../../src/demo/sale-replay.js'
import type { Counts } from '../../src/domain/stock.js'

export const items = [
  { sku: 'A', units: 10, weight: 2 },
  { sku: 'B', units: 20, weight: 1 },
]

const one = (sku: string) => [{ sku, quantity: 1 }]

/** `count` orders of one unit each. */
export const ordersOf = (sku: string, count: number) => Array.from({ length: count }, () => one(sku))

/** A sale that oversold A by 4 beside one that sold what there was. */
export function figures(): Pick<Replay, 'naive' | 'holdfast'> {
  const common = { items, customers: 1000, seconds: 2, checkoutsPerSecond: 1234.5 }
  const naive = summariseSale({
    ...common,
    orders: [...ordersOf('A', 14), ...ordersOf('B', 20)],
    lowestCounts: new Map([
      ['A', -4],
      ['B', 0],
    ]),
  })
  const holdfast = summariseSale({
    ...common,
    orders: [...ordersOf('A', 10), ...ordersOf('B', 19)],
    lowestCounts: new Map([
      ['A', 0],
      ['B', 0],
    ]),
  })
  return {
    naive,
    holdfast: {
      ...holdfast,
      holdsExpired: 5,
      unitsSoldAgain: 3,
      retriesSent: 9,
      retriesReplayed: 7,
      paymentsLate: 0,
      differences: [],
      breaches: [],
    },
  }
}

/** What the databases hold after a sale of 10 A and 19 of 20 B, without a fault. */
export function soundFacts(): HoldfastFacts {
  const counts = new Map<string, Counts>([
    ['A', { available: 0, held: 0, sold: 10 }],
    ['B', { available: 1, held: 0, sold: 19 }],
  ])
  return {
    settled: true,
    redis: counts,
    mysql: counts,
    ledgerFold: counts,
    orders: [...ordersOf('A', 10), ...ordersOf('B', 19)],
    lowestCounts: new Map([
      ['A', 0],
      ['B', 0],
    ]),
    holdsExpired: 5,
    unitsSoldAgain: 3,
    duplicates: 0,
  }
}

export const soundPromises = new Map([
  ['A', 10],
  ['B', 19],
])
