import { expect, test } from 'vitest'
import { openLines } from '../../src/demo/sale-progress.js'

test('without a terminal progress is a line each fifth of the way and one at the end', () => {
  const lines: string[] = []
  const progress = openLines((line) => lines.push(line), 'sale', 12)
  for (let customer = 0; customer < 12; customer++) {
    progress.leaves(customer % 2 === 0 ? 'ordered' : 'sold-out', [])
  }
  expect(lines).toEqual([
    'sale 3 of 12 customers, 2 orders',
    'sale 6 of 12 customers, 3 orders',
    'sale 9 of 12 customers, 5 orders',
    'sale 12 of 12 customers, 6 orders',
  ])
})
