import type { Line } from '../domain/reservation.js'
import type { SaleItem } from './sale-plan.js'

export interface ItemOutcome {
  sku: string
  unitsOnSale: number
  /** Units of the paid orders. */
  unitsSold: number
  unitsOversold: number
  /** The lowest count the store showed for it. */
  lowestCount: number
}

/** How one half of the demonstration ended, computed from what the databases hold. */
export interface SaleOutcome {
  customers: number
  ordersTaken: number
  unitsOnSale: number
  unitsSold: number
  unitsOversold: number
  itemsBelowZero: number
  lowestCount: number
  /** Customers whose paid order cannot be served. */
  customersToCall: number
  /** First tries answered, by the time from the first customer to the answer of the last one. */
  checkoutsPerSecond: number
  seconds: number
  items: ItemOutcome[]
}

export interface SaleFacts {
  items: readonly SaleItem[]
  /** The carts of the paid orders, the earliest first. */
  orders: readonly (readonly Line[])[]
  lowestCounts: ReadonlyMap<string, number>
  customers: number
  checkoutsPerSecond: number
  seconds: number
}

export function summariseSale(facts: SaleFacts): SaleOutcome {
  const sold = sumUnits(facts.orders)
  const items = facts.items.map(({ sku, units }) => {
    const unitsSold = sold.get(sku) ?? 0
    return {
      sku,
      unitsOnSale: units,
      unitsSold,
      unitsOversold: Math.max(0, unitsSold - units),
      lowestCount: facts.lowestCounts.get(sku) ?? units,
    }
  })
  return {
    customers: facts.customers,
    ordersTaken: facts.orders.length,
    unitsOnSale: total(items.map((item) => item.unitsOnSale)),
    unitsSold: total(items.map((item) => item.unitsSold)),
    unitsOversold: total(items.map((item) => item.unitsOversold)),
    itemsBelowZero: items.filter((item) => item.lowestCount < 0).length,
    lowestCount: Math.min(...items.map((item) => item.lowestCount)),
    customersToCall: countUnserved(facts.items, facts.orders),
    checkoutsPerSecond: facts.checkoutsPerSecond,
    seconds: facts.seconds,
    items,
  }
}

/** Units by SKU over all carts. */
export function sumUnits(carts: readonly (readonly Line[])[]): Map<string, number> {
  const units = new Map<string, number>()
  for (const { sku, quantity } of carts.flat()) units.set(sku, (units.get(sku) ?? 0) + quantity)
  return units
}

/**
 * Packs the orders from the shelf, the earliest first, and counts those that lack a unit. An order
 * is packed whole or not at all; what it would have used stays on the shelf for the next one.
 */
export function countUnserved(items: readonly SaleItem[], orders: readonly (readonly Line[])[]): number {
  const shelf = new Map(items.map(({ sku, units }) => [sku, units]))
  let unserved = 0
  for (const cart of orders) {
    if (cart.some(({ sku, quantity }) => (shelf.get(sku) ?? 0) < quantity)) {
      unserved++
      continue
    }
    for (const { sku, quantity } of cart) shelf.set(sku, (shelf.get(sku) ?? 0) - quantity)
  }
  return unserved
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
