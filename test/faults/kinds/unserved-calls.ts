import { codeOf } from '../checker/unavailable.js'
import type { Call, Event } from '../history.js'

/** Which calls a fault must not keep from being answered. */
export interface ServedCalls {
  /** Asked since; the whole round where it says nothing. */
  fromMs?: number
  toMs?: number
  /** What they ask for; anything. */
  verbs?: readonly Call['verb'][]
  /** The instances that are asked; all. */
  apis?: readonly number[]
}

/** With fewer calls a share says nothing. */
const callsMin = 20
/** A busy machine may be late with some, and shed some: not with more than these. */
const lateShareMax = 0.1

/**
 * A 503 is no answer, so a service that says nothing else keeps every other promise. These calls have to
 * be answered: none of them is put off, but for a few when the machine is overloaded, and few are lost.
 *
 * @param what for the sentence: which calls they are.
 * @returns sentences of what is not so.
 */
export function findUnserved(events: readonly Event[], what: string, o: ServedCalls = {}): string[] {
  const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, verbs, apis } = o
  const calls = events.filter(
    ({ startMs, api, call }) =>
      startMs >= fromMs &&
      startMs <= toMs &&
      (verbs?.includes(call.verb) ?? true) &&
      (apis?.includes(api) ?? true),
  )
  const isLate = ({ reply }: Event) => !reply || (reply.status === 503 && codeOf(reply) === 'overloaded')
  const findings = calls
    .filter((event) => event.reply?.status === 503 && !isLate(event))
    .map(
      ({ number, api, call, reply }) =>
        `call ${number} (${call.verb}) of API ${api} was put off: ${reply?.body.type}; ${what} go on`,
    )
  const late = calls.filter(isLate).length
  if (calls.length >= callsMin && late > lateShareMax * calls.length) {
    findings.push(`${late} of ${calls.length} calls were shed or not answered; ${what} go on`)
  }
  return findings
}

/** @returns a sentence for each call that was put off for another reason than these. */
export function findPutOff(events: readonly Event[], codes: readonly string[]): string[] {
  return events
    .filter(({ reply }) => reply?.status === 503 && !codes.includes(codeOf(reply) ?? ''))
    .map(
      ({ number, call, reply }) =>
        `call ${number} (${call.verb}) was put off for another reason: ${reply?.body.type}`,
    )
}
