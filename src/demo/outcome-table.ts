import Table from 'cli-table3'
import type { Replay } from './sale-replay.js'

export type TableRow = readonly [label: string, naive: string, holdfast: string]

export const columns: TableRow = ['', 'read, decide, write', 'Holdfast']

/** What a reader must know to compare the rates. */
export const footnote =
  'Checkouts per second are first tries answered, also with a no. Without Holdfast they call MySQL from this process and include the payment; with it they go over HTTP, and paying is a call of its own.'

/** What a half has no notion of. */
const none = '-'

/** The figures of both halves, side by side. */
export function tableRows({ naive, holdfast }: Pick<Replay, 'naive' | 'holdfast'>): TableRow[] {
  const both = (label: string, read: (half: Replay['naive']) => number): TableRow => [
    label,
    format(read(naive)),
    format(read(holdfast)),
  ]
  return [
    both('customers', (half) => half.customers),
    both('orders taken', (half) => half.ordersTaken),
    both('units on sale', (half) => half.unitsOnSale),
    both('units sold', (half) => half.unitsSold),
    both('units oversold', (half) => half.unitsOversold),
    both('items below zero', (half) => half.itemsBelowZero),
    both('lowest count', (half) => half.lowestCount),
    both('customers to call', (half) => half.customersToCall),
    ['holds expired', none, format(holdfast.holdsExpired)],
    ['units sold again after that', none, format(holdfast.unitsSoldAgain)],
    ['retries answered from their key', none, format(holdfast.retriesReplayed)],
    both('checkouts per second', (half) => Math.round(half.checkoutsPerSecond)),
    ['Redis = MySQL', none, holdfast.differences.length === 0 ? 'yes' : 'NO'],
  ]
}

/** Without colours, so that it can be pasted. */
export function renderTable(rows: readonly TableRow[]): string {
  const table = new Table({
    head: [...columns],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) table.push([...row])
  return table.toString()
}

/** 5000 as `5,000`. */
export function format(number: number): string {
  return number.toLocaleString('en-US')
}
