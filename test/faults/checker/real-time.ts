import type { Event } from '../history.js'

/**
 * Where in the order of the store an answer was given. Entry `i` of the ledger, from 0, is at the
 * place `2i + 1`; the state right after it, before the next one, is at `2i + 2`. An answer that would
 * be the same for a while has a span.
 */
export interface Span {
  from: number
  to: number
}

export function atEntry(index: number): Span {
  return { from: 2 * index + 1, to: 2 * index + 1 }
}

export function afterEntry(index: number): Span {
  return { from: 2 * index + 2, to: 2 * index + 2 }
}

/** From an entry on, until right before another one, or for ever. */
export function fromEntry(index: number, until: number | undefined): Span {
  return { from: 2 * index + 1, to: until === undefined ? Number.POSITIVE_INFINITY : 2 * until }
}

/**
 * Whether the order of the store can be the order in which things really happened: what was answered
 * before something else was asked must come before it, or at the same place.
 *
 * Each answer gets the earliest place of its span that is not before that of any answer which had
 * come when it was asked. If even the earliest is too late for one, no other choice would do: every
 * place was forced.
 *
 * @returns a sentence for each answer that comes from before something that was answered earlier.
 */
export function findContradictions(placed: readonly { event: Event; span: Span }[]): string[] {
  const findings: string[] = []
  const moments = placed
    .flatMap(({ event, span }) => [
      { atMs: event.startMs, ends: false, event, span },
      { atMs: event.endMs as number, ends: true, event, span },
    ])
    // At the same time, what was asked is not yet after what is being answered.
    .sort((a, b) => a.atMs - b.atMs || Number(a.ends) - Number(b.ends))
  const askedAt = new Map<Event, number>()
  let reached = 0
  let by: Event | undefined
  for (const { event, span, ends } of moments) {
    if (!ends) {
      askedAt.set(event, reached)
      if (span.to < reached) {
        findings.push(
          `call ${event.number} (${event.call.verb}) was answered from ${describe(span)}, and call ${by?.number} had been answered from ${reached} before it was asked`,
        )
      }
      continue
    }
    const earliest = Math.max(span.from, Math.min(askedAt.get(event) as number, span.to))
    if (earliest > reached) {
      reached = earliest
      by = event
    }
  }
  return findings
}

function describe({ from, to }: Span): string {
  return from === to ? `place ${from}` : `places ${from} to ${to}`
}
