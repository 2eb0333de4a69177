import type { ReplayProgress } from '../contract.js'
import { formatCount } from '../figures.js'
import { TimeSeries } from './time-series.js'
import './replay-side.css'

interface ReplaySideProps {
  name: 'naive' | 'holdfast'
  title: string
  /** Undefined until a sale has begun. */
  side: ReplayProgress['naive'] | undefined
  /** Units on sale. */
  stock: number | undefined
  /** The fewest units that either side had left, below zero too, so that both are drawn alike. */
  fewest: number
  /** Seconds since the sale began. */
  times: readonly number[]
  available: readonly number[]
}

const secondsShown = 10

/** One checkout of the two: how its units run out, and how many orders it cannot keep. */
export function ReplaySide({ name, title, side, stock, fewest, times, available }: ReplaySideProps) {
  const end = Math.max(secondsShown, times.at(-1) ?? 0)
  const drawn = times.length > 0 ? times : [0]
  return (
    <section class={`card replay-side ${name}`} aria-labelledby={`replay-${name}`}>
      <div class="card-head">
        <h2 id={`replay-${name}`}>{title}</h2>
        <span class="muted small push">
          {stock === undefined ? '' : `${formatCount(stock)} units on sale`}
        </span>
      </div>
      <dl>
        <Figure name="Orders taken" value={side?.accepted} />
        <Figure name="Refused" value={side?.refused} />
        <Figure name="To be cancelled" value={side?.cancelled} isBad={(side?.cancelled ?? 0) > 0} />
        <Figure name="Units left" value={side?.available} isBad={(side?.available ?? 0) < 0} />
      </dl>
      <TimeSeries
        label={`${title}: units left over the seconds of the sale. ${side ? `${side.available} are left, ${side.accepted} orders were taken, ${side.cancelled} have to be cancelled.` : 'Not begun.'}`}
        times={drawn}
        range={[0, end]}
        top={(stock ?? 100) * 1.08}
        bottom={fewest * 1.08}
        height={220}
        formatTimes={(seconds) => `${Math.round(seconds * 10) / 10} s`}
        lines={[
          { label: 'none', colour: '--faint', dash: [4, 4], values: drawn.map(() => 0) },
          {
            label: 'units left',
            colour: name === 'naive' ? '--refused' : '--available',
            values: times.length > 0 ? available : [null],
          },
        ]}
      />
    </section>
  )
}

function Figure({
  name,
  value,
  isBad = false,
}: {
  name: string
  value: number | undefined
  isBad?: boolean
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={isBad ? 'bad' : undefined}>{value === undefined ? '–' : formatCount(value)}</dd>
    </div>
  )
}
