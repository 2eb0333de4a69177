import { linesPerReservationMax, quantityMax } from './limits.js'
import { formatPosition, type Position, parsePosition } from './position.js'

/**
 * The states of a reservation, and who moves it out of each:
 *
 * - `held`: the shopper is paying. The storefront moves it to `confirmed` (confirm) or `released`
 *   (release); the expirer moves it to `expired` at its deadline.
 * - `confirmed`: paid; its units are sold. Final.
 * - `released`: given back by the storefront. Final.
 * - `expired`: the deadline passed unpaid. Final, unless a late payment re-acquires its units
 *   (confirm with `ifExpired: "reacquire"`), which makes it `confirmed`.
 */
export const reservationStates = ['held', 'confirmed', 'released', 'expired'] as const
export type ReservationState = (typeof reservationStates)[number]

export interface Line {
  sku: string
  /** Units, 1 or more. */
  quantity: number
}

export interface Reservation {
  id: string
  state: ReservationState
  /** Of its newest ledger entry. */
  position: Position
  /** Times are milliseconds since 1970 by Redis' clock. */
  createdAtMs: number
  expiresAtMs: number
  closedAtMs: number | undefined
  reacquired: boolean
  paymentRef: string | undefined
  idempotencyKey: string | undefined
  ttlSeconds: number
  lines: Line[]
  customerId: string
  orderId: string | undefined
}

/** A reservation in the text that `formatRecord` makes of it, or what a damage left of that. */
export interface ReservationRecord {
  id: string
  record: string
}

/** What is known of an ended reservation whose row in MySQL is damaged. */
export interface UnreadableReservation extends Pick<Reservation, 'id' | 'idempotencyKey'> {
  state: 'unreadable'
  closedAtMs: number
}

/** What a client asked to have reserved; a repeat with the same idempotency key must equal it. */
export interface ReservationRequest {
  customerId: string
  orderId: string | undefined
  ttlSeconds: number
  lines: Line[]
}

/** Adds up the lines of one SKU and sorts by SKU, so that equal carts have equal texts. */
export function sumLines(lines: readonly Line[]): Line[] {
  if (lines.length === 1) return [...lines]
  const quantities = new Map<string, number>()
  for (const { sku, quantity } of lines) {
    quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  }
  return [...quantities]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

export function formatLines(lines: readonly Line[]): string {
  const first = lines[0] as Line
  let text = `${first.sku}:${first.quantity}`
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as Line
    text += `,${line.sku}:${line.quantity}`
  }
  return text
}

const linePattern = /^([A-Za-z0-9._-]{1,64}):([1-9]\d{0,6})$/
/** `Number` alone also takes '', `1e3` and `0x10`. */
const wholePattern = /^\d{1,15}$/

/** @returns undefined when the text is not `sku:quantity,...` within the contract's bounds. */
export function parseLines(text: string): Line[] | undefined {
  const lines: Line[] = []
  const skus = new Set<string>()
  for (const part of text.split(',')) {
    const match = linePattern.exec(part)
    const quantity = Number(match?.[2])
    if (!match || quantity > quantityMax) return undefined
    lines.push({ sku: match[1] as string, quantity })
    skus.add(match[1] as string)
  }
  return lines.length <= linesPerReservationMax && skus.size === lines.length ? lines : undefined
}

/**
 * The request as the scripts take it: `ttlSeconds TAB lines TAB customerId TAB orderId`. It is
 * also the tail of the record, which is how a script tells a repeat from a reused key.
 */
export function formatRequest(request: ReservationRequest): string {
  return `${request.ttlSeconds}\t${formatLines(request.lines)}\t${request.customerId}\t${request.orderId ?? ''}`
}

/** How many fields a record has. */
export const recordFields = 12

/**
 * A reservation as Redis keeps it: one text a reservation, its fields separated by TAB, in the
 * order that `lua/include/reservations.lua` writes them.
 *
 * @returns undefined when the text is not a record.
 */
export function parseRecord(id: string, record: string): Reservation | undefined {
  const fields = record.split('\t')
  if (fields.length !== recordFields) return undefined
  const [state, at, created, expires, closed, reacquired, paymentRef, key, ttl, lines, customerId, orderId] =
    fields as [string, string, string, string, string, string, string, string, string, string, string, string]
  const position = parsePosition(at)
  const parsedLines = parseLines(lines)
  const createdAtMs = Number(created)
  const expiresAtMs = Number(expires)
  if (
    !position ||
    !parsedLines ||
    !(reservationStates as readonly string[]).includes(state) ||
    !wholePattern.test(created) ||
    !wholePattern.test(expires) ||
    !/^(\d{1,15})?$/.test(closed) ||
    !/^1?$/.test(reacquired) ||
    !wholePattern.test(ttl)
  ) {
    return undefined
  }
  return {
    id,
    state: state as ReservationState,
    position,
    createdAtMs,
    expiresAtMs,
    closedAtMs: closed === '' ? undefined : Number(closed),
    reacquired: reacquired === '1',
    paymentRef: paymentRef === '' ? undefined : paymentRef,
    idempotencyKey: key === '' ? undefined : key,
    ttlSeconds: Number(ttl),
    lines: parsedLines,
    customerId,
    orderId: orderId === '' ? undefined : orderId,
  }
}

/** The inverse of `parseRecord`. */
export function formatRecord(reservation: Reservation): string {
  const { state, position, createdAtMs, expiresAtMs, closedAtMs, paymentRef, idempotencyKey } = reservation
  return [
    state,
    formatPosition(position),
    createdAtMs,
    expiresAtMs,
    closedAtMs ?? '',
    reservation.reacquired ? '1' : '',
    paymentRef ?? '',
    idempotencyKey ?? '',
    formatRequest(reservation),
  ].join('\t')
}
