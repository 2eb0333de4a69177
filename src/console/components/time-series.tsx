import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatSplit, formatTime } from '../figures.js'
import { isDark } from '../theme.js'
import './time-series.css'

export interface Line {
  label: string
  /** The custom property that holds its colour. */
  colour: `--${string}`
  values: readonly (number | null)[]
  /** Lengths of dashes and gaps, so that colour is not all that tells lines apart. */
  dash?: readonly number[]
  /** Whether the area down to the next line is filled, and below the last one. */
  isFilled?: boolean
  /** Whether it changes at once, at its times, and not in between. */
  isStepped?: boolean
}

export interface TimeSeriesProps {
  /** What is drawn, in a sentence: for those who cannot see it. */
  label: string
  /** Seconds, rising. */
  times: readonly number[]
  lines: readonly Line[]
  height: number
  /** What the horizontal axis shows; all times when absent. */
  range?: readonly [from: number, to: number]
  /** At least this much is shown upwards. */
  top?: number
  /** At least this much is shown downwards. */
  bottom?: number
  formatTimes?: (seconds: number) => string
  /** Follows the pointer: which of the times it is at. */
  onPoint?: (index: number | undefined) => void
}

/** Lines over time. Their latest values stand beside it as text; the drawing itself is one image. */
export function TimeSeries(props: TimeSeriesProps) {
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | undefined>(undefined)
  const current = useRef(props)
  current.current = props
  const { height, label, lines } = props
  const shape = lines.map((line) => [line.label, line.colour].join()).join(';')
  useEffect(() => {
    const element = host.current
    if (!element) return
    const made = new uPlot(optionsOf(element, current), dataOf(current.current), element)
    chart.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [shape, height, isDark.value])

  useEffect(() => {
    chart.current?.setData(dataOf(props))
  }, [props.times, lines])

  return (
    <div class="time-series" role="img" aria-label={label} style={{ height: `${height}px` }}>
      <div ref={host} />
    </div>
  )
}

function dataOf({ times, lines }: TimeSeriesProps): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])]
}

function optionsOf(element: HTMLElement, current: { current: TimeSeriesProps }): uPlot.Options {
  const colours = readColours(element)
  const { lines, height } = current.current
  const axis = {
    stroke: colours('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colours('--hairline'), width: 1 },
    ticks: { show: false },
  }
  const formatTimes = (seconds: number) =>
    current.current.formatTimes?.(seconds) ?? formatTime(new Date(seconds * 1000))
  // A label in the middle of which the drawing ends would be cut.
  const labelTimes = (chart: uPlot, splits: number[]) => {
    const last = chart.bbox.width / devicePixelRatio - labelMarginPx
    return splits.map((split) => (chart.valToPos(split, 'x') > last ? '' : formatTimes(split)))
  }
  return {
    width: element.clientWidth,
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: (_chart, from, to) => spread(current.current.range ?? [from, to]) },
      y: {
        range: (_chart, from, to) => {
          const { top = 1, bottom = 0 } = current.current
          return [Math.min(bottom, (from ?? 0) * 1.08), Math.max(top, (to ?? 0) * 1.08)]
        },
      },
    },
    axes: [
      { ...axis, space: 72, size: 24, values: labelTimes },
      { ...axis, size: 46, space: 36, values: (_chart, splits) => splits.map(formatSplit) },
    ],
    series: [
      {},
      ...lines.map(
        (line): uPlot.Series => ({
          label: line.label,
          stroke: colours(line.colour),
          width: 1.75,
          points: { show: false },
          ...(line.dash && { dash: [...line.dash] }),
          ...(line.isFilled && { fill: colours(line.colour, areaPercent) }),
          ...(line.isStepped && uPlot.paths.stepped && { paths: uPlot.paths.stepped({ align: 1 }) }),
        }),
      ),
    ],
    bands: lines.flatMap((line, i) =>
      line.isFilled && i + 1 < lines.length
        ? [{ series: [i + 1, i + 2] as [number, number], fill: colours(line.colour, areaPercent) }]
        : [],
    ),
    hooks: {
      setCursor: [
        ({ cursor: { idx } }) => {
          current.current.onPoint?.(idx ?? undefined)
        },
      ],
    },
  }
}

/** Half of a label, less what lies between the drawing and its card. */
const labelMarginPx = 16

/** One moment alone would have no width. */
function spread([from, to]: readonly [number, number]): [number, number] {
  return from === to ? [from - 1, to + 1] : [from, to]
}

/** Of the colour of its line: areas are large, and would shout. */
const areaPercent = 32

/** Colours as the canvas takes them: `light-dark()` resolved for the theme that is shown. */
function readColours(element: HTMLElement): (property: `--${string}`, percent?: number) => string {
  return (property, percent = 100) => {
    const probe = document.createElement('i')
    probe.style.color = `color-mix(in srgb, var(${property}) ${percent}%, transparent)`
    element.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
}
