import { format } from './outcome-table.js'
import type { ItemOutcome, SaleOutcome } from './sale-outcome.js'
import type { Replay } from './sale-replay.js'

const width = 880
const margin = 28
const barsLeft = 150
/** Where the longest bar ends; its value stands to the right of it. */
const barsRight = 690
const barsTop = 196
const barHeight = 17
const barGap = 4
const groupHeight = 58

const style = `
    svg { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; font-size: 14px; }
    .card { fill: #ffffff; stroke: #d1d9e0; }
    text { fill: #1f2328; }
    .title { font-size: 22px; font-weight: 600; }
    .figure { font-size: 30px; font-weight: 600; }
    .muted { fill: #59636e; }
    .without { fill: #8c959f; }
    .with { fill: #1a7f37; }
    .over { fill: #cf222e; }
    .limit { stroke: #1f2328; stroke-width: 2; }
    .rule { stroke: #d1d9e0; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #3d444d; }
      text { fill: #f0f6fc; }
      .muted { fill: #9198a1; }
      .without { fill: #6e7681; }
      .with { fill: #3fb950; }
      .over { fill: #f85149; }
      .limit { stroke: #f0f6fc; }
      .rule { stroke: #3d444d; }
    }
  `

/** The chart for the README: legible on a light page and on a dark one, and to a screen reader. */
export function renderSvg({ naive, holdfast }: Pick<Replay, 'naive' | 'holdfast'>): string {
  const height = barsTop + naive.items.length * groupHeight + margin
  const longest = Math.max(1, ...[...naive.items, ...holdfast.items].map(longestBar))
  const scale = (units: number) => Math.round(((barsRight - barsLeft) * units * 10) / longest) / 10
  const groups = naive.items.map((item, index) =>
    renderGroup(item, holdfast.items[index] as ItemOutcome, barsTop + index * groupHeight, scale),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
  <title id="title">The 12.12 sale, replayed without Holdfast and with it</title>
  <desc id="description">${escapeXml(describe(naive, holdfast))}</desc>
  <style>${style}</style>
  <rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
  <text class="title" x="${margin}" y="44">The 12.12 sale, replayed</text>
  <text class="muted" x="${margin}" y="68">${format(naive.customers)} customers, ${format(naive.unitsOnSale)} units on sale, the same carts both times</text>
  ${renderSummary(margin, 'without', 'Read the count, decide, write', naive)}
  ${renderSummary(width / 2 + 10, 'with', 'Holdfast', holdfast)}
  <line class="rule" x1="${margin}" y1="158" x2="${width - margin}" y2="158"/>
  ${renderLegend(180)}
  ${groups.join('\n  ')}
</svg>
`
}

function renderSummary(x: number, kind: 'without' | 'with', name: string, half: SaleOutcome): string {
  const tone = half.unitsOversold > 0 ? 'over' : 'with'
  return `<rect class="${kind}" x="${x}" y="90" width="5" height="52" rx="2"/>
  <text x="${x + 16}" y="103">${name}</text>
  <text class="figure ${tone}" x="${x + 16}" y="138">${format(half.unitsOversold)}</text>
  <text class="muted" x="${x + 30 + 21 * format(half.unitsOversold).length}" y="124">units oversold</text>
  <text class="muted" x="${x + 30 + 21 * format(half.unitsOversold).length}" y="141">${format(half.customersToCall)} customers to call, ${format(half.itemsBelowZero)} items below zero</text>`
}

function renderLegend(y: number): string {
  return `<line class="limit" x1="${margin + 3}" y1="${y - 11}" x2="${margin + 3}" y2="${y + 1}"/>
  <text class="muted" x="${margin + 12}" y="${y}">units on sale</text>
  <rect class="without" x="${margin + 122}" y="${y - 10}" width="12" height="11" rx="2"/>
  <text class="muted" x="${margin + 140}" y="${y}">sold without Holdfast</text>
  <rect class="over" x="${margin + 306}" y="${y - 10}" width="12" height="11" rx="2"/>
  <text class="muted" x="${margin + 324}" y="${y}">of these, units that do not exist</text>
  <rect class="with" x="${margin + 562}" y="${y - 10}" width="12" height="11" rx="2"/>
  <text class="muted" x="${margin + 580}" y="${y}">sold with Holdfast</text>`
}

function renderGroup(
  naive: ItemOutcome,
  holdfast: ItemOutcome,
  top: number,
  scale: (units: number) => number,
): string {
  const first = top + 10
  const second = first + barHeight + barGap
  const limitX = barsLeft + scale(naive.unitsOnSale)
  return `<text x="${barsLeft - 12}" y="${second + 3}" text-anchor="end">${escapeXml(naive.sku)}</text>
  ${renderBar(naive, 'without', first, scale)}
  ${renderBar(holdfast, 'with', second, scale)}
  <line class="limit" x1="${limitX}" y1="${first - 4}" x2="${limitX}" y2="${second + barHeight + 4}"/>`
}

function renderBar(
  item: ItemOutcome,
  kind: 'without' | 'with',
  y: number,
  scale: (units: number) => number,
): string {
  const served = scale(Math.min(item.unitsSold, item.unitsOnSale))
  const end = scale(item.unitsSold)
  const over = item.unitsOversold > 0
  const beyond = over
    ? `<rect class="over" x="${barsLeft + served}" y="${y}" width="${round(end - served)}" height="${barHeight}"/>`
    : ''
  const label = over
    ? `${format(item.unitsSold)}, ${format(item.unitsOversold)} too many`
    : `${format(item.unitsSold)} of ${format(item.unitsOnSale)}`
  const labelX = barsLeft + Math.max(end, scale(item.unitsOnSale)) + 10
  return `<rect class="${kind}" x="${barsLeft}" y="${y}" width="${served}" height="${barHeight}"/>${beyond}<text class="${over ? 'over' : 'muted'}" x="${round(labelX)}" y="${y + 13}">${label}</text>`
}

function describe(naive: SaleOutcome, holdfast: SaleOutcome): string {
  const items = naive.items.map((item, index) => {
    const other = holdfast.items[index] as ItemOutcome
    return `${item.sku}: ${item.unitsOnSale} on sale, ${item.unitsSold} sold without Holdfast, ${other.unitsSold} with it.`
  })
  return [
    `Without Holdfast ${naive.unitsOversold} units were oversold and ${naive.customersToCall} customers had to be called;`,
    `with Holdfast ${holdfast.unitsOversold} and ${holdfast.customersToCall}.`,
    ...items,
  ].join(' ')
}

function longestBar(item: ItemOutcome): number {
  return Math.max(item.unitsOnSale, item.unitsSold)
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
