import { useState } from 'preact/hooks'
import type { LedgerEntry, Stock } from '../contract.js'
import { formatCount, formatMoment, formatTime, plural } from '../figures.js'
import { StockLegend } from './stock-bar.js'
import { type Line, TimeSeries } from './time-series.js'
import './sku-course.css'

interface SkuCourseProps {
  sku: string
  /** As of now; the last point that is drawn. */
  counts: Stock | undefined
  /** The newest first. */
  entries: readonly LedgerEntry[] | undefined
}

interface Point {
  /** Seconds. */
  at: number
  available: number
  held: number
  sold: number
}

/** The counts over time, one on top of the other, as the ledger tells them. */
export function SkuCourse({ sku, counts, entries }: SkuCourseProps) {
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  const points = pointsOf(sku, counts, entries ?? [])
  const shown = pointed === undefined ? undefined : points[pointed]
  const first = points[0]
  return (
    <section class="card sku-course" aria-labelledby="course">
      <div class="card-head">
        <h2 id="course">Over time</h2>
        <span class="muted small headline">{shown ? sentence(shown) : since(entries)}</span>
        <StockLegend />
      </div>
      {entries?.length === 0 ? (
        <p class="empty muted">Nothing has happened yet.</p>
      ) : (
        <TimeSeries
          label={`Available, held and sold units of ${sku} over time. ${first ? `${sentence(first)} ${points.length > 1 ? sentence(points.at(-1) as Point) : ''}` : ''} Each change stands in the story below.`}
          times={points.map(({ at }) => at)}
          height={220}
          formatTimes={formatSplit(points)}
          lines={stack(points)}
          onPoint={setPointed}
        />
      )}
    </section>
  )
}

function since(entries: readonly LedgerEntry[] | undefined): string {
  const oldest = entries?.at(-1)
  if (!oldest || !entries) return ''
  return `the newest ${plural(entries.length, 'change')}, since ${formatMoment(new Date(oldest.occurredAt))}`
}

function sentence({ at, available, held, sold }: Point): string {
  return `${formatMoment(new Date(at * 1000))}: ${formatCount(available)} available, ${formatCount(held)} held, ${formatCount(sold)} sold.`
}

/** In the order of time, each time once; the counts as of now come last. */
function pointsOf(sku: string, counts: Stock | undefined, entries: readonly LedgerEntry[]): Point[] {
  const points: Point[] = []
  for (const entry of entries.toReversed()) {
    const line = entry.lines.find((each) => each.sku === sku)
    if (line) addPoint(points, Date.parse(entry.occurredAt) / 1000, line)
  }
  if (counts && points.length > 0) addPoint(points, Date.now() / 1000, counts)
  return points
}

function addPoint(points: Point[], at: number, { available, held, sold }: Omit<Point, 'at'>): void {
  const last = points.at(-1)
  const point = { at, available, held, sold }
  if (last && at <= last.at) points[points.length - 1] = { ...point, at: last.at }
  else points.push(point)
}

/** The highest line first: each area reaches down to the next one. */
function stack(points: readonly Point[]): Line[] {
  const area = { isFilled: true, isStepped: true }
  return [
    { ...area, label: 'sold', colour: '--sold', values: points.map((p) => p.available + p.held + p.sold) },
    { ...area, label: 'held', colour: '--held', values: points.map((p) => p.available + p.held) },
    { ...area, label: 'available', colour: '--available', values: points.map((p) => p.available) },
  ]
}

function formatSplit(points: readonly Point[]): (seconds: number) => string {
  const days = ((points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0)) / 86_400
  return (seconds) => {
    const at = new Date(seconds * 1000)
    return days > 1 ? formatMoment(at).slice(0, -3) : formatTime(at)
  }
}
