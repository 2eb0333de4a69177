import type { Pulse } from './contract.js'
import { type RateName, rates } from './rates.js'

/** Means of some seconds each, in the order of time. */
export interface RatePoint {
  /** Seconds. */
  at: number
  /** Null where nobody watched, and so nothing was counted. */
  means: Readonly<Record<RateName, number>> | null
}

/** More of them than that are a thicket. */
const pointsMax = 120
/** Pulses that are this much further apart than they ought to be have nothing between them. */
const lateSecondsMax = 3

/** The rates over time, one point for as many seconds as a drawing has room for. */
export function courseOf(pulses: readonly Pulse[]): RatePoint[] {
  const times = pulses.map(({ at }) => Date.parse(at) / 1000)
  const seconds = Math.max(1, Math.ceil(((times.at(-1) ?? 0) - (times[0] ?? 0)) / pointsMax))
  const points: RatePoint[] = []
  let from = 0
  for (let i = 1; i <= pulses.length; i++) {
    const isOver = i === pulses.length || slotOf(times[i], seconds) !== slotOf(times[from], seconds)
    if (!isOver) continue
    const last = times[i - 1] as number
    points.push({ at: last, means: meansOf(pulses.slice(from, i)) })
    if (i < pulses.length && (times[i] as number) - last > 1 + lateSecondsMax) {
      points.push({ at: last + 1, means: null })
    }
    from = i
  }
  return points
}

function slotOf(at: number | undefined, seconds: number): number {
  return Math.floor((at ?? 0) / seconds)
}

function meansOf(pulses: readonly Pulse[]): Record<RateName, number> {
  const mean = (name: RateName) =>
    pulses.reduce((sum, { perSecond }) => sum + perSecond[name], 0) / pulses.length
  const means = { holds: 0, refusals: 0, confirms: 0, releases: 0, expiries: 0 }
  for (const { name } of rates) means[name] = mean(name)
  return means
}
