import type { Position } from './position.js'

/**
 * The catalogue of refusals: each name is the `code` of `urn:holdfast:<code>`, with the HTTP status
 * it is answered with and the title a client shows. Scripts, routes, documents and tests use these
 * names and no others.
 */
export const refusals = {
  'invalid-request': { status: 400, title: 'The request is not valid.' },
  unauthorized: { status: 401, title: 'A valid API key is required.' },
  forbidden: { status: 403, title: 'The API key does not have the scope that this call needs.' },
  'forbidden-host': {
    status: 403,
    title: 'Without API keys only calls to localhost are served, and none of a page of another site.',
  },
  'not-found': { status: 404, title: 'There is no such resource.' },
  'unknown-store': { status: 404, title: 'There is no such store.' },
  'unknown-sku': { status: 404, title: 'There is no such SKU.' },
  'unknown-reservation': { status: 404, title: 'There is no such reservation.' },
  'unknown-reconciliation': { status: 404, title: 'There is no such reconciliation.' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time.' },
  'unknown-replay': { status: 404, title: 'There is no such replay.' },
  'replay-unavailable': {
    status: 404,
    title: 'The sale is replayed only by `holdfast start` on its own servers.',
  },
  'insufficient-stock': { status: 409, title: 'Not enough units are available.' },
  'reconciliation-running': { status: 409, title: 'The store is being reconciled already.' },
  'replay-running': { status: 409, title: 'The sale is being replayed already.' },
  'below-held': { status: 409, title: 'Stock on hand cannot be less than the units held.' },
  'reservation-confirmed': { status: 409, title: 'The reservation is confirmed.' },
  'reservation-released': { status: 409, title: 'The reservation was released.' },
  'reservation-expired': { status: 409, title: 'The reservation expired.' },
  'payment-mismatch': { status: 409, title: 'The reservation was confirmed by another payment.' },
  'extension-limit': { status: 409, title: 'The reservation cannot be held for longer.' },
  'body-too-large': { status: 413, title: 'The body is larger than 64 KiB.' },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json.' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key was used for another request.' },
  'rate-limited': { status: 429, title: 'Too many calls in a minute; nothing was changed.' },
  'headers-too-large': { status: 431, title: 'The headers are larger than 16 KiB.' },
  'internal-error': { status: 500, title: 'Something went wrong; the effect of the call is unknown.' },
  'store-fenced': { status: 503, title: 'The store is fenced until Redis and MySQL are compared.' },
  'redis-unavailable': { status: 503, title: 'Redis did not answer; repeat the call with the same key.' },
  'mysql-unavailable': { status: 503, title: 'MySQL did not answer; repeat the call.' },
  'ledger-behind': {
    status: 503,
    title: 'MySQL has not caught up with Redis in time; is a worker running?',
  },
  'memory-full': { status: 503, title: 'Redis has no memory left for new reservations.' },
  'holds-paused': { status: 503, title: 'New reservations are paused; repeat the call with the same key.' },
  stopping: { status: 503, title: 'This process is stopping; nothing was changed.' },
  'too-many-streams': { status: 503, title: 'Too many event streams are open.' },
  overloaded: { status: 503, title: 'More calls arrive than can be answered in time; nothing was changed.' },
} as const satisfies Record<string, { status: number; title: string }>

export type RefusalCode = keyof typeof refusals

/**
 * An expected "no": returned, never thrown, by the gate and the ledger. One that Redis gave tells
 * the position it is true at.
 */
export type Refusal = {
  [Code in RefusalCode]: { refused: Code; position?: Position } & RefusalFields<Code>
}[RefusalCode]

interface FieldsByCode {
  'insufficient-stock': { lines: ShortLine[] }
  'unknown-sku': { skus: string[] }
  'invalid-request': { detail?: string }
  'below-held': { held: number }
  'extension-limit': { expiresAtMsMax: number }
  'holds-paused': { reason: string }
}
type RefusalFields<Code> = Code extends keyof FieldsByCode ? FieldsByCode[Code] : unknown

export interface ShortLine {
  sku: string
  requested: number
  available: number
}

export function isRefusal<T extends object>(result: T | Refusal): result is Refusal {
  return 'refused' in result
}
