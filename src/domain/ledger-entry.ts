import type { Position } from './position.js'
import { parseRecord, type Reservation } from './reservation.js'
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
  /** Positive for what a reservation moves; the change of `available` for `set` and `adjust`. */
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
}

/** An entry that cannot be read: the ledger writer must stop at it, never skip it. */
export class MalformedEntryError extends Error {
  constructor(
    readonly position: Position,
    readonly text: string,
  ) {
    super(`the ledger entry at ${position.epoch}-${position.sequence} is malformed`)
  }
}

/**
 * Reads an entry as the scripts write it (`lua/include/ledger.lua`): TAB-separated,
 * `kind, id, lines, record` for a change of a reservation and
 * `kind, '', lines, reason, idempotency key` for a change of stock. The record of a reservation that
 * was corrected is followed by the reason.
 *
 * @throws MalformedEntryError
 */
export function parseEntry(position: Position, occurredAtMs: number, text: string): LedgerEntry {
  const [kind = '', id = '', lineTexts = ''] = text.split('\t', 3)
  const rest = text.slice(kind.length + id.length + lineTexts.length + 3)
  const lines = parseEntryLines(lineTexts)
  if (!Object.hasOwn(entryKinds, kind) || !lines) throw new MalformedEntryError(position, text)
  const entry = { position, kind: kind as EntryKind, occurredAtMs, lines }
  if (id === '') {
    const [reason = '', key = ''] = rest.split('\t')
    return {
      ...entry,
      reservation: undefined,
      reason: reason === '' ? undefined : reason,
      idempotencyKey: key === '' ? undefined : key,
    }
  }
  const recordEnd = kind === 'correct' ? rest.lastIndexOf('\t') : rest.length
  const reservation = parseRecord(id, rest.slice(0, recordEnd))
  if (!reservation) throw new MalformedEntryError(position, text)
  const reason = rest.slice(recordEnd + 1)
  return { ...entry, reservation, reason: reason === '' ? undefined : reason, idempotencyKey: undefined }
}

function parseEntryLines(text: string): EntryLine[] | undefined {
  const lines: EntryLine[] = []
  for (const part of text.split(',')) {
    const match = /^([A-Za-z0-9._-]{1,64}):(-?\d{1,15}):(\d{1,15}):(\d{1,15}):(\d{1,15})$/.exec(part)
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
