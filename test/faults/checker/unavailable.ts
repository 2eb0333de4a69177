import { type RefusalCode, refusals } from '../../../src/domain/outcomes.js'
import type { Call, Event, Reply } from '../history.js'

/** Why any call may be put off. */
const always: readonly RefusalCode[] = ['store-fenced', 'redis-unavailable', 'overloaded', 'stopping']

/** Why a call may be put off beside that: only new holds wait for memory, only what has ended is in MySQL alone. */
const more: Readonly<Partial<Record<Call['verb'], readonly RefusalCode[]>>> = {
  reserve: ['memory-full', 'holds-paused'],
  confirm: ['mysql-unavailable'],
  release: ['mysql-unavailable'],
  extend: ['mysql-unavailable'],
  read: ['mysql-unavailable'],
}

/** The code of a problem; undefined when it is none of the catalogue's. */
export function codeOf({ body }: Reply): RefusalCode | undefined {
  const code = typeof body?.type === 'string' ? body.type.replace(/^urn:holdfast:/, '') : ''
  return code in refusals ? (code as RefusalCode) : undefined
}

/**
 * A 503 has to be a problem of the catalogue that this call may be put off with, and to say when to come
 * back.
 *
 * @returns a sentence when it is not.
 */
export function findWrongUnavailable({ call, reply }: Event): string | undefined {
  if (reply?.status !== 503) return undefined
  const code = codeOf(reply)
  if (!code || refusals[code].status !== 503) return 'its 503 is no problem of the catalogue'
  if (![...always, ...(more[call.verb] ?? [])].includes(code))
    return `a ${call.verb} is not put off for ${code}`
  if (!reply.contentType?.startsWith('application/problem+json')) return 'its 503 is no problem+json'
  if (!/^[1-9]\d*$/.test(reply.retryAfter ?? '')) return 'its 503 has no Retry-After'
  return undefined
}
