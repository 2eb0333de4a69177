import { actorPattern, textLengthMax } from './limits.js'
import type { Position } from './position.js'
import { parseRecord, type Reservation, recordFields } from './reservation.js'
import type { Counts } from './stock.js'

/**
 * The kinds of a ledger entry, with the sign each gives its lines' quantity in the three counts.
 * The fold of a ledger is the sum of these; reconciliation compares it with the counts. A `correct`
 * entry moves nothing: it says what the counts are, and a fold may begin with it.
 */
export const entryKinds = {
  reserve: { available: -1, held: 1, sold: 0 },
  confirm: { available: 0, held: -1, sold: 1 },
  reacquire: { available: -1, held: 0, sold: 1 },
  release: { available: 1, held: -1, sold: 0 },
  expire: { available: 1, held: -1, sold: 0 },
  extend: { available: 0, held: 0, sold: 0 },
  set: { available: 1, held: 0, sold: 0 },
  adjust: { available: 1, held: 0, sold: 0 },
  correct: { available: 0, held: 0, sold: 0 },
} as const satisfies Record<string, Record<keyof Counts, -1 | 0 | 1>>
export type EntryKind = keyof typeof entryKinds

/** One SKU of an entry: the units moved, and its counts right after. */
export interface EntryLine extends Counts {
  sku: string
  /**
   * Positive for what a reservation moves; the change of `available` for `set` and `adjust`; for `correct` what is
   * lacking, 0 or below.
   */
  quantity: number
}

export interface LedgerEntry {
  position: Position
  kind: EntryKind
  occurredAtMs: number
  lines: EntryLine[]
  /** The reservation as the entry left it; absent for a change of stock. */
  reservation: Reservation | undefined
  reason: string | undefined
  idempotencyKey: string | undefined
  /** Who made a change of stock or a correction; absent where nobody was named. */
  actor: string | undefined
  /** As the script wrote it. */
  text: string
}

/**
 * Reads an entry as the scripts write it (`lua/include/ledger.lua`): TAB-separated,
 * `kind, id, lines, record` for a change of a reservation and
 * `kind, '', lines, reason, idempotency key` for a change of stock. The record of a reservation that
 * was corrected is followed by the reason. Both may end with the actor.
 *
 * @returns undefined when it cannot be read, or holds what MySQL has no room for.
 */
export function parseEntry(position: Position, occurredAtMs: number, text: string): LedgerEntry | undefined {
  const kindEnd = text.indexOf('\t')
  const idEnd = text.indexOf('\t', kindEnd + 1)
  const linesEnd = text.indexOf('\t', idEnd + 1)
  if (kindEnd < 0 || idEnd < 0 || linesEnd < 0 || occurredAtMs > timeMsMax) return undefined
  const kind = text.slice(0, kindEnd) as EntryKind
  const id = text.slice(kindEnd + 1, idEnd)
  const lines = parseEntryLines(text.slice(idEnd + 1, linesEnd))
  if (!Object.hasOwn(entryKinds, kind) || !lines) return undefined
  const changesStock = kind === 'set' || kind === 'adjust' || (kind === 'correct' && id === '')
  if (changesStock !== (id === '')) return undefined
  const rest = text.slice(linesEnd + 1)
  const note = changesStock || kind === 'correct' ? parseNote(rest, changesStock) : noNote
  if (!note) return undefined
  const reservation = changesStock ? undefined : parseRecord(id, note.record ?? rest)
  if (!changesStock && !(reservation && hasRoom(reservation))) return undefined
  return {
    position,
    kind,
    occurredAtMs,
    lines,
    reservation,
    reason: note.reason,
    idempotencyKey: note.idempotencyKey,
    actor: note.actor,
    text,
  }
}

/** What follows the lines of an entry that somebody made who looks after the stock. */
interface Note extends Pick<LedgerEntry, 'reason' | 'idempotencyKey' | 'actor'> {
  /** Of the reservation that was corrected. */
  record: string | undefined
}

const noNote: Note = { record: undefined, reason: undefined, idempotencyKey: undefined, actor: undefined }

function parseNote(text: string, changesStock: boolean): Note | undefined {
  const fields = text.split('\t')
  const record = changesStock ? '' : fields.splice(0, recordFields).join('\t')
  const [reason, key, actor, ...more] = changesStock ? fields : fields.toSpliced(1, 0, '')
  if (reason === undefined || key === undefined || more.length > 0) return undefined
  if (!fits(reason, reasonLengthMax) || !keyPattern.test(key)) return undefined
  if (actor !== undefined && !actorForm.test(actor)) return undefined
  return {
    record,
    reason: reason === '' ? undefined : reason,
    idempotencyKey: key === '' ? undefined : key,
    actor,
  }
}

const linePattern = /^([A-Za-z0-9._-]{1,64}):(-?\d{1,15}):(\d{1,15}):(\d{1,15}):(\d{1,15})$/

function parseEntryLines(text: string): EntryLine[] | undefined {
  const lines: EntryLine[] = []
  for (const part of text.split(',')) {
    const match = linePattern.exec(part)
    if (!match) return undefined
    lines.push({
      sku: match[1] as string,
      quantity: Number(match[2]),
      available: Number(match[3]),
      held: Number(match[4]),
      sold: Number(match[5]),
    })
  }
  return lines
}

/** The end of the year 9999, which is as far as MySQL's times go. */
const timeMsMax = Date.UTC(10_000, 0) - 1
const secondsMax = 2 ** 32 - 1
const reasonLengthMax = 255
const idPattern = /^[\x21-\x7e]{1,36}$/
const actorForm = new RegExp(actorPattern)
const keyPattern = /^[\x20-\x7e]{0,255}$/

/** Whether MySQL's columns have room for it: one row that has not would keep all others out. */
function hasRoom(reservation: Reservation): boolean {
  const { createdAtMs, expiresAtMs, closedAtMs = 0, ttlSeconds } = reservation
  return (
    idPattern.test(reservation.id) &&
    fits(reservation.customerId, textLengthMax) &&
    fits(reservation.orderId ?? '', textLengthMax) &&
    fits(reservation.paymentRef ?? '', textLengthMax) &&
    keyPattern.test(reservation.idempotencyKey ?? '') &&
    Math.max(createdAtMs, expiresAtMs, closedAtMs) <= timeMsMax &&
    ttlSeconds <= secondsMax
  )
}

/** MySQL counts characters; JavaScript counts those beyond the basic plane twice. */
function fits(text: string, lengthMax: number): boolean {
  return text.length <= lengthMax || (text.length <= 2 * lengthMax && [...text].length <= lengthMax)
}
