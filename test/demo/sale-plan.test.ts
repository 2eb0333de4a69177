import { expect, test } from 'vitest'
import { planCustomers, sale1212 } from '../../src/demo/sale-plan.js'

test('the same seed brings the same customers, another one others', () => {
  expect(planCustomers(sale1212)).toEqual(planCustomers(sale1212))
  expect(planCustomers({ ...sale1212, seed: 1213 })).not.toEqual(planCustomers(sale1212))
})

test('the crowd wants more of each item than is on sale, and behaves as the settings say', () => {
  const customers = planCustomers(sale1212)
  for (const { sku, units } of sale1212.items) {
    const wanted = customers.flatMap(({ cart }) => cart).filter((line) => line.sku === sku)
    expect(wanted.length).toBeGreaterThan(2 * units)
  }
  const share = (count: number) => count / customers.length
  expect(share(customers.filter(({ pays }) => !pays).length)).toBeCloseTo(sale1212.abandonShare, 1)
  expect(share(customers.filter(({ retry }) => retry === 'repeat').length)).toBeCloseTo(
    sale1212.repeatShare,
    1,
  )
  expect(share(customers.filter(({ retry }) => retry === 'lost-reply').length)).toBeGreaterThan(0.03)
  expect(new Set(customers.map(({ orderId }) => orderId)).size).toBe(customers.length)
})
