import type { ScriptSample } from './limits/script-limit.js'
import { type Group, type Measured, medianOf, type Results } from './results.js'
import type { Sample } from './sample.js'
import { figure, whole } from './table.js'
import { hasOversold } from './targets.js'

interface Bar {
  label: string
  /** Over `bare` beside it. */
  share: number
  perSecond: number | undefined
  p99: number | undefined
  kind: Group | 'oversold'
}

const width = 860
const labelWidth = 184
const noteWidth = 250
const rowHeight = 30
const barHeight = 18
const top = 84

/** The canonical workload on the product, its limits and its peers, each over the `bare` beside it, as an SVG. */
export function drawChart(results: Results): string {
  const bars = chooseBars(results)
  const most = Math.max(...bars.map(({ share }) => share), 1)
  const height = top + bars.length * rowHeight + 36
  const rows = bars.map((bar, i) => drawBar(bar, i, most)).join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Reservations a second for one SKU, as a share of a bare route">
<style>
  text { font: 14px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 18px; font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .ground { fill: #ffffff }
  .limit { fill: #b6bec8 } .product { fill: #1a7f5a } .peer { fill: #6c8ebf } .oversold { fill: #cf6a4c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .ground { fill: #0d1117 }
    .limit { fill: #545d68 } .product { fill: #2fbf8a } .peer { fill: #6f9be0 } .oversold { fill: #e0805f }
  }
</style>
<rect class="ground" width="${width}" height="${height}" rx="8"/>
<text class="title" x="20" y="34">Reservations a second, everyone wants the same SKU</text>
<text class="note" x="20" y="56">As a share of a route that only validates and replies (bare), measured beside each; the same route, schema and load.</text>
${rows}
<text class="note" x="20" y="${height - 14}">reserve.lua: the script alone, from redis-benchmark. Red: it sold units it did not have.</text>
</svg>
`
}

function drawBar(bar: Bar, index: number, most: number): string {
  const y = top + index * rowHeight
  const length = Math.max(2, (bar.share / most) * (width - labelWidth - noteWidth - 40))
  const middle = y + barHeight / 2 + 5
  const note = [
    `${whole(bar.perSecond)}/s`,
    ...(bar.p99 === undefined ? [] : [`p99 ${figure(bar.p99)} ms`]),
    ...(bar.kind === 'oversold' ? ['oversold'] : []),
  ].join(' \u00b7 ')
  return [
    `<text x="20" y="${middle}">${bar.label}</text>`,
    `<rect class="${bar.kind}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3"/>`,
    `<text x="${(labelWidth + length + 10).toFixed(1)}" y="${middle}">${percent(bar.share)}<tspan class="note" dx="8">${note}</tspan></text>`,
  ].join('\n')
}

function percent(share: number): string {
  return `${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`
}

/** Each group from the fastest to the slowest: limits, the product, peers. */
function chooseBars({ samples, scripts }: Results): Bar[] {
  const hot = samples.find(({ name }) => name === 'hot-sku')
  const fastestFirst = (bars: Bar[]) => bars.sort((a, b) => b.share - a.share)
  const barsOf = (group: Group) =>
    samples.filter((measured) => measured.group === group).map((measured) => barOf(measured, measured.name))
  const bare: Bar = {
    label: 'bare',
    share: 1,
    perSecond: medianOf(hot, (sample) => sample.bare.requestsPerSecond),
    p99: medianOf(hot, (sample) => sample.bare.p99),
    kind: 'limit',
  }
  const limits = [...(hot ? [bare] : []), ...barsOf('limit'), ...scripts.map(barOfScript)]
  return [...fastestFirst(limits), ...(hot ? [barOf(hot, 'Holdfast')] : []), ...fastestFirst(barsOf('peer'))]
}

function barOf(measured: Measured<Sample>, label: string): Bar {
  return {
    label,
    share: medianOf(measured, (sample) => sample.ofBare) ?? 0,
    perSecond: medianOf(measured, (sample) => sample.requestsPerSecond),
    p99: medianOf(measured, (sample) => sample.accepted.p99),
    kind: hasOversold(measured) ? 'oversold' : measured.group,
  }
}

function barOfScript(measured: Measured<ScriptSample>): Bar {
  return {
    label: measured.name.replace('script', 'reserve.lua'),
    share: medianOf(measured, (sample) => sample.ofBare) ?? 0,
    perSecond: medianOf(measured, (sample) => sample.holdsPerSecond),
    p99: undefined,
    kind: 'limit',
  }
}
