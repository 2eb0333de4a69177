import { format } from './outcome-table.js'
import type { ItemOutcome } from './sale-outcome.js'
import type { Replay } from './sale-replay.js'

/** Width of the longest bar. */
const barColumnsMax = 60

/** Per item the units on sale and the units sold both ways; what is sold too often looks different. */
export function renderChart({ naive, holdfast }: Pick<Replay, 'naive' | 'holdfast'>): string {
  const longest = Math.max(
    1,
    ...[...naive.items, ...holdfast.items].flatMap((item) => [item.unitsOnSale, item.unitsSold]),
  )
  const skuColumns = Math.max(...naive.items.map(({ sku }) => sku.length))
  const bar = (units: number, from = 0) =>
    Math.round((units * barColumnsMax) / longest) - Math.round((from * barColumnsMax) / longest)
  const line = (sku: string, label: string, drawn: string, value: string) =>
    `${sku.padEnd(skuColumns)}  ${label.padEnd(16)} ${drawn} ${value}`.trimEnd()

  const soldLine = (label: string, item: ItemOutcome) => {
    const served = Math.min(item.unitsSold, item.unitsOnSale)
    const drawn = '█'.repeat(bar(served)) + '▒'.repeat(bar(item.unitsSold, served))
    const tooMany = item.unitsOversold > 0 ? ` (${format(item.unitsOversold)} too many)` : ''
    return line('', label, drawn, `${format(item.unitsSold)}${tooMany}`)
  }

  const groups = naive.items.map((item, index) =>
    [
      line(item.sku, 'on sale', '░'.repeat(bar(item.unitsOnSale)), format(item.unitsOnSale)),
      soldLine('without Holdfast', item),
      soldLine('with Holdfast', holdfast.items[index] as ItemOutcome),
    ].join('\n'),
  )
  return ['Units sold of each item; ▒ are units that do not exist', ...groups].join('\n\n')
}
