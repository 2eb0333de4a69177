import { type EntryKind, entryKinds } from '../domain/ledger-entry.js'
import type { Reservation, ReservationState } from '../domain/reservation.js'
import type { Counts } from '../domain/stock.js'
import type { BrokenLine, Turns } from '../ledger/reconciliation-queries.js'

/** What the witnesses say of the kind of a line that does not follow from the line before it. */
export type KindVerdict =
  | 'sound'
  /** It may have been changed, and nothing tells what it was. */
  | 'untold'
  /** What it was before it was changed. */
  | { was: EntryKind }

/**
 * Whether the kind of a line was changed outside Holdfast. There are two witnesses: the counts that the
 * line carries, when they follow from the line before by another kind, and the reservation, whose entries
 * must be a way from its begin to the state that it has.
 *
 * @param turns of the line's reservation; undefined for a change of stock.
 * @param reservation as MySQL's row has it; undefined when that cannot be read.
 */
export function judgeKind(
  line: BrokenLine,
  turns: Turns | undefined,
  reservation: Pick<Reservation, 'state'> | undefined,
  quantity: number,
): KindVerdict {
  const own = movesOf(line.kind)
  const counted = (Object.keys(entryKinds) as EntryKind[]).filter(
    (kind) => !equal(movesOf(kind), own) && follows(line, kind, quantity),
  )
  if (!turns) return judgeStockKind(line, counted)
  const others = counted.filter((kind) => !isStockKind(kind))
  if (turns.corrected) return others.length > 0 || isStockKind(line.kind) ? 'untold' : 'sound'
  const isWay = endOf(turns, line.kind) !== undefined
  const was = others.find((kind) => {
    const end = endOf(turns, kind)
    return end !== undefined && (!reservation || end === reservation.state)
  })
  if (isWay && (!was || endOf(turns, line.kind) === reservation?.state)) return 'sound'
  return was && (reservation || !isWay) ? { was } : 'untold'
}

/** A change of stock moves what was asked for; only a correction moves by nothing and changes counts. */
function judgeStockKind(line: BrokenLine, counted: readonly EntryKind[]): KindVerdict {
  if (isStockKind(line.kind)) return line.quantity === 0 && line.previous ? 'untold' : 'sound'
  return line.quantity !== 0 && counted.includes('adjust') ? { was: 'adjust' } : 'untold'
}

/** Of a kind that nobody knows, too. */
export function movesOf(kind: string): Counts {
  return Object.hasOwn(entryKinds, kind) ? entryKinds[kind as EntryKind] : entryKinds.correct
}

const countNames = ['available', 'held', 'sold'] as const

/** Whether the counts of the line are those of the line before and what the kind moves. */
function follows(line: BrokenLine, kind: EntryKind, quantity: number): boolean {
  const moves = movesOf(kind)
  const said = movesOf(line.kind)
  return countNames.every(
    (count) => line.off[count] + said[count] * line.quantity === moves[count] * quantity,
  )
}

function isStockKind(kind: EntryKind): boolean {
  return kind === 'set' || kind === 'adjust'
}

const ways: Readonly<Record<string, { from: ReservationState | undefined; to: ReservationState }>> = {
  reserve: { from: undefined, to: 'held' },
  confirm: { from: 'held', to: 'confirmed' },
  release: { from: 'held', to: 'released' },
  expire: { from: 'held', to: 'expired' },
  reacquire: { from: 'expired', to: 'confirmed' },
}

/** The state to which the entries lead if the line's is of that kind; undefined when they are no way. */
function endOf({ before, after }: Turns, kind: EntryKind): ReservationState | undefined {
  let state: ReservationState | undefined
  const own = kind === 'extend' || kind === 'correct' ? [] : [kind]
  // What moves nothing comes after the reservation began.
  if (own.length === 0 && before.length === 0) return undefined
  for (const turn of [...before, ...own, ...after]) {
    const way = ways[turn]
    if (!way || way.from !== state) return undefined
    state = way.to
  }
  return state
}

function equal(a: Counts, b: Counts): boolean {
  return countNames.every((count) => a[count] === b[count])
}
