import { type Measured, medianOf, type Results } from './results.js'
import { isOversold, type Sample } from './sample.js'
import { figure, whole } from './table.js'

interface Bar {
  label: string
  note: string
  value: number
  kind: 'limit' | 'product' | 'peer' | 'oversold'
}

const width = 860
const labelWidth = 150
const noteWidth = 260
const rowHeight = 30
const barHeight = 18
const top = 84

/** Requests a second of the canonical workload: `bare`, the product and its peers, as an SVG. */
export function drawChart(results: Results): string {
  const bars = chooseBars(results)
  const most = Math.max(...bars.map((bar) => bar.value), 1)
  const height = top + bars.length * rowHeight + 36
  const rows = bars.map((bar, i) => drawBar(bar, i, most)).join('\n')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Reservations a second for one SKU">
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
<text class="note" x="20" y="56">The same route, schema and load on the same machine; medians. p99 in ms at the right.</text>
${rows}
<text class="note" x="20" y="${height - 14}">bare: the route validates and replies, nothing else. Red: it sold units it did not have.</text>
</svg>
`
}

function drawBar(bar: Bar, index: number, most: number): string {
  const y = top + index * rowHeight
  const length = Math.max(2, (bar.value / most) * (width - labelWidth - noteWidth - 40))
  const middle = y + barHeight / 2 + 5
  return [
    `<text x="20" y="${middle}">${bar.label}</text>`,
    `<rect class="${bar.kind}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3"/>`,
    `<text x="${(labelWidth + length + 10).toFixed(1)}" y="${middle}">${whole(bar.value)}<tspan class="note" dx="8">${bar.note}</tspan></text>`,
  ].join('\n')
}

function chooseBars(results: Results): Bar[] {
  const hot = results.samples.find(({ name }) => name === 'hot-sku')
  const bare = medianOf(hot, (sample) => sample.bare.requestsPerSecond)
  const bareP99 = medianOf(hot, (sample) => sample.bare.p99)
  const bars: Bar[] = []
  if (bare !== undefined)
    bars.push({ label: 'bare', note: `p99 ${figure(bareP99)}`, value: bare, kind: 'limit' })
  if (hot) bars.push(barOf(hot, 'Holdfast'))
  const peers = results.samples.filter(({ group }) => group === 'peer').map((peer) => barOf(peer, peer.name))
  return [...bars, ...peers.sort((a, b) => b.value - a.value)]
}

function barOf(measured: Measured<Sample>, label: string): Bar {
  const oversold = measured.passes.some(({ oversell }) => oversell && isOversold(oversell))
  const p99 = figure(medianOf(measured, (sample) => sample.accepted.p99))
  const share = figure((medianOf(measured, (sample) => sample.ofBare) ?? 0) * 100)
  return {
    label,
    note: `p99 ${p99}, ${share} % of bare${oversold ? ', oversold' : ''}`,
    value: medianOf(measured, (sample) => sample.requestsPerSecond) ?? 0,
    kind: oversold ? 'oversold' : measured.group === 'peer' ? 'peer' : 'product',
  }
}
