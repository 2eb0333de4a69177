import { expect, test } from 'vitest'
import { countSoldAgain } from '../../src/demo/holdfast-facts.js'
import { countUnserved } from '../../src/demo/sale-outcome.js'
import { figures, items, ordersOf } from './sale-figures.js'

test('the figures of a sale are added up from its orders', () => {
  expect(figures().naive).toMatchObject({
    customers: 1000,
    ordersTaken: 34,
    unitsOnSale: 30,
    unitsSold: 34,
    unitsOversold: 4,
    itemsBelowZero: 1,
    lowestCount: -4,
    customersToCall: 4,
  })
})

test('an item that sells less does not make up for one that is oversold', () => {
  const { items: outcomes } = figures().holdfast
  expect(outcomes.map((item) => item.unitsOversold)).toEqual([0, 0])
  expect(figures().holdfast.unitsSold).toBe(29)
})

test('an order that lacks a unit is not packed, and leaves what it would have used', () => {
  const both = [
    { sku: 'A', quantity: 2 },
    { sku: 'B', quantity: 2 },
  ]
  expect(countUnserved(items, ordersOf('A', 10))).toBe(0)
  expect(countUnserved(items, [...ordersOf('A', 9), both, ...ordersOf('A', 1), ...ordersOf('B', 20)])).toBe(1)
})

test('units are sold again when as many as were on sale had been reserved before', () => {
  const hold = (quantity: number, isSold: boolean) => ({ sku: 'A', quantity, isSold })
  expect(countSoldAgain(items, [hold(10, false)])).toBe(0)
  expect(countSoldAgain(items, [hold(9, true), hold(2, true)])).toBe(1)
  expect(countSoldAgain(items, [hold(10, false), hold(4, false), hold(3, true)])).toBe(3)
})
