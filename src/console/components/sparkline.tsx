import './sparkline.css'

const width = 96
const height = 24

/** The course of one figure, without axes; the figure itself stands beside it. */
export function Sparkline({ values }: { values: readonly (number | null)[] }) {
  const highest = Math.max(1, ...values.map((value) => value ?? 0))
  const step = width / Math.max(1, values.length - 1)
  const points = values.flatMap((value, i) =>
    value === null
      ? []
      : `${(i * step).toFixed(1)},${(height - 2 - (value / highest) * (height - 4)).toFixed(1)}`,
  )
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  )
}
