import { useState } from 'preact/hooks'
import type { Pulse } from '../contract.js'
import { formatRate, formatTime } from '../figures.js'
import { newestPulse, pulses, pulsesMax } from '../live.js'
import { courseOf } from '../rate-course.js'
import { type Rate, rates } from '../rates.js'
import { RateTable } from './rate-table.js'
import { TimeSeries } from './time-series.js'
import './activity-panel.css'

/** That much is shown at least. */
const secondsMin = 60

/** The rates of the last minutes: the newest as figures, all of them as lines. */
export function ActivityPanel() {
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  const all = pulses.value
  const newest = newestPulse.value
  const course = courseOf(all)
  const times = course.map(({ at }) => at)
  const point = pointed === undefined ? undefined : course[pointed]
  const shown = point?.means ?? newest?.perSecond
  const now = times.at(-1) ?? Date.now() / 1000
  // It begins with what is known, and then moves along.
  const from = Math.min(now - secondsMin, Math.max(now - pulsesMax, times[0] ?? 0))
  return (
    <section class="card" aria-labelledby="activity">
      <div class="card-head">
        <h2 id="activity">Activity</h2>
        <span class="muted small headline">
          {point?.means ? `per second, at ${formatTime(new Date(point.at * 1000))}` : 'per second'}
        </span>
      </div>
      <dl class="rates">
        {rates.map((rate) => (
          <div key={rate.name}>
            <dt>
              <LineSample rate={rate} />
              {rate.label}
            </dt>
            <dd>{shown ? formatRate(shown[rate.name]) : '–'}</dd>
          </div>
        ))}
      </dl>
      <TimeSeries
        label={`Holds, refusals, confirms and expiries per second over the last minutes. ${newest ? summary(newest) : 'Nothing is known yet.'}`}
        times={times}
        range={[from, now]}
        top={4}
        height={196}
        lines={rates.map(({ name, ...line }) => ({
          ...line,
          values: course.map(({ means }) => means?.[name] ?? null),
        }))}
        onPoint={setPointed}
      />
      <RateTable pulses={all} />
    </section>
  )
}

function summary({ perSecond }: Pulse): string {
  return `Now: ${rates.map(({ name, label }) => `${formatRate(perSecond[name])} ${label.toLowerCase()}`).join(', ')}.`
}

function LineSample({ rate }: { rate: Rate }) {
  return (
    <svg class="line-sample" viewBox="0 0 16 8" aria-hidden="true">
      <line
        x1="0"
        y1="4"
        x2="16"
        y2="4"
        style={{ stroke: `var(${rate.colour})`, strokeDasharray: rate.dash?.join(' ') ?? 'none' }}
      />
    </svg>
  )
}
