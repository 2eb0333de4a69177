const counts = new Intl.NumberFormat('en')
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** Cut and not rounded, so that it never tells of units that are not there. */
const short = new Intl.NumberFormat('en', {
  notation: 'compact',
  maximumSignificantDigits: 3,
  roundingMode: 'trunc',
} as Intl.NumberFormatOptions)

/** At most three digits, for a column that has no room for more. */
export function formatShort(count: number): string {
  return short.format(count).replace('-', '−')
}

/** Beside an axis. */
export function formatSplit(value: number): string {
  return Math.abs(value) < 100_000 ? formatRate(value).replace('-', '−') : formatShort(value)
}

export function formatCount(count: number): string {
  return counts.format(count).replace('-', '−')
}

/** A change, with its sign. */
export function formatChange(quantity: number): string {
  return quantity > 0 ? `+${formatCount(quantity)}` : formatCount(quantity)
}

/** @param perSecond below ten, tenths tell more. */
export function formatRate(perSecond: number): string {
  return perSecond < 10 ? tenths.format(perSecond) : counts.format(Math.round(perSecond))
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${tenths.format(seconds)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
  return `${tenths.format(seconds / 3600)} h`
}

export function formatMs(ms: number): string {
  return ms < 1000 ? `${counts.format(ms)} ms` : formatSeconds(ms / 1000)
}

const time = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' })

/** Of the viewer's own clock's zone. */
export function formatTime(at: Date): string {
  return time.format(at)
}

/** The time; the day too when it is not today. */
export function formatMoment(at: Date): string {
  return at.toDateString() === new Date().toDateString()
    ? formatTime(at)
    : `${day.format(at)}, ${formatTime(at)}`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
