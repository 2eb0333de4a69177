import { formatCount, formatShort } from '../figures.js'
import './count.css'

/** From here on a narrow column has no room for every digit. */
const longMin = 10_000
/** From here on no column but a wide one has. */
const veryLongMin = 1_000_000

/**
 * A count with every digit where there is room, and otherwise a short one: never half of its digits. Another
 * count is another text, for one that grows by a digit would move.
 */
export function Count({
  value,
  format = formatCount,
}: {
  value: number
  format?: (value: number) => string
}) {
  const size = Math.abs(value)
  if (size < longMin) return <span key={value}>{format(value)}</span>
  const sign = format(value).startsWith('+') ? '+' : ''
  return (
    <span key={value} class={size < veryLongMin ? 'count-long' : 'count-long very'} title={format(value)}>
      <span class="count-full">{format(value)}</span>
      <span class="count-short">
        {sign}
        {formatShort(value)}
      </span>
    </span>
  )
}
