import { formatMoment } from '../figures.js'

/** A time in the viewer's zone; in full, and in UTC, as its title. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {formatMoment(new Date(at))}
    </time>
  )
}
