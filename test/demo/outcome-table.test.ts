import { expect, test } from 'vitest'
import { renderTable, tableRows } from '../../src/demo/outcome-table.js'
import { figures } from './sale-figures.js'

test('the table shows both halves side by side', () => {
  expect(tableRows(figures())).toEqual([
    ['customers', '1,000', '1,000'],
    ['orders taken', '34', '29'],
    ['units on sale', '30', '30'],
    ['units sold', '34', '29'],
    ['units oversold', '4', '0'],
    ['items below zero', '1', '0'],
    ['lowest count', '-4', '0'],
    ['customers to call', '4', '0'],
    ['holds expired', '-', '5'],
    ['units sold again after that', '-', '3'],
    ['retries answered from their key', '-', '7'],
    ['checkouts per second', '1,235', '1,235'],
    ['Redis = MySQL', '-', 'yes'],
  ])
})

test('a difference between the stores stands out', () => {
  const { naive, holdfast } = figures()
  const rows = tableRows({ naive, holdfast: { ...holdfast, differences: ['A: Redis has 1.'] } })
  expect(rows.at(-1)).toEqual(['Redis = MySQL', '-', 'NO'])
})

test('the table is text without colours, its lines equally long', () => {
  const lines = renderTable(tableRows(figures())).split('\n')
  expect(lines.join('')).not.toContain('\x1b')
  expect(new Set(lines.map((line) => line.length)).size).toBe(1)
  expect(lines).toContain('│ units oversold                  │                   4 │        0 │')
})
