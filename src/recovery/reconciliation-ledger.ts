import { comparePositions, formatPosition, type Position } from '../domain/position.js'
import { parseRecord, type Reservation } from '../domain/reservation.js'
import { type Counts, parseCounts } from '../domain/stock.js'
import {
  type BrokenLine,
  readBrokenLines,
  readRecords,
  readTurns,
  type SkuAtPosition,
} from '../ledger/reconciliation-queries.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { SurveyedSku } from '../stock/store-survey.js'
import { judgeKind, movesOf } from './reconciliation-kinds.js'

/** What the ledger says about a SKU's counts. */
export interface LedgerVerdict {
  /** What they should be; undefined when the ledger is too damaged to tell. */
  truth: Counts | undefined
  /** Why Redis would differ from it. */
  redisCause: string
  /** What is wrong with the ledger itself. */
  ledgerCause: string | undefined
  /** Units that were held or sold and, by the ledger, were not there. */
  oversold?: number
  /** Whether that is the cause of all: MySQL was never told. */
  isDiscarded?: true
}

/**
 * Goes by what was counted on the shelf, unless the line of the count is what was changed: then the newest line, or
 * Redis, follows from the lines before it as if the count were none.
 *
 * @returns with `counted` undefined when the fold does not go by it.
 */
export function withCounted(mysql: SkuAtPosition, redis: Counts | undefined): SkuAtPosition {
  const { counted, fold, line } = mysql
  if (!counted || (line && equal(line, fold)) || (redis && equal(redis, fold))) {
    return { ...mysql, counted: undefined }
  }
  const { available, held, sold } = counted
  return { ...mysql, fold: { available, held, sold } }
}

/** Broken lines looked at for one SKU; a SKU that has more is left to people. */
const brokenLinesMax = 20

/**
 * Works out what the counts should be. That is the fold of the ledger's quantities, in which a count of the shelf
 * says what is on hand, unless the ledger itself was damaged, for which there are two witnesses:
 *
 * - The counts that each line carries. Where they do not follow from the line before, either Redis'
 *   counts were changed between the two (every later line then carries the change), or the line was.
 * - The reservation that a line belongs to. When it has another quantity than its line, the line was
 *   changed, and the reservation's quantity counts. When the line's kind is no step of its way, and the
 *   counts follow by one that is, that one counts (`judgeKind`).
 *
 * Where entries are missing, or the witnesses do not agree, nothing can tell and nothing is corrected.
 */
export async function judgeLedger(
  ledger: StoreLedger,
  item: SurveyedSku,
  mysql: SkuAtPosition,
  at: Position,
): Promise<LedgerVerdict> {
  const { line, fold, row } = mysql
  const since = line ? `after the entry ${formatPosition(line.position)}` : 'without an entry'
  const redisCause = `Redis' counts were changed outside Holdfast ${since}.`
  const redis = parseCounts(item.counts)
  if (row && line && lineWasLost(row, line, redis, at)) {
    const ledgerCause = `The ledger in MySQL lacks the line at ${formatPosition(row.position)}; restore it from a backup.`
    return { truth: undefined, redisCause: ledgerCause, ledgerCause: undefined }
  }
  if (!line || equal(line, fold)) return { ...possible(fold), redisCause, ledgerCause: undefined }
  const broken = await readBrokenLines(ledger, item.sku, at, brokenLinesMax)
  const newest = broken.at(-1)
  const onlyNewest = broken.length === 1 && newest && comparePositions(newest.position, line.position) === 0
  if (onlyNewest && redis && equal(redis, fold)) {
    const ledgerCause = `The counts in the ledger line at ${formatPosition(line.position)} were changed outside Holdfast.`
    return { ...possible(fold), redisCause, ledgerCause }
  }
  return judgeBrokenLines(ledger, item.sku, mysql, broken)
}

/** The row is of an entry that the ledger does not have, and Redis agrees with the row. */
function lineWasLost(
  row: Counts & { position: Position },
  line: { position: Position },
  redis: Counts | undefined,
  at: Position,
): boolean {
  return (
    comparePositions(row.position, at) <= 0 &&
    comparePositions(row.position, line.position) > 0 &&
    redis !== undefined &&
    equal(row, redis)
  )
}

async function judgeBrokenLines(
  ledger: StoreLedger,
  sku: string,
  { fold, counted }: SkuAtPosition,
  broken: readonly BrokenLine[],
): Promise<LedgerVerdict> {
  const reservations = await readReservations(ledger, broken)
  const truth = { ...fold }
  const redisCauses: string[] = []
  const ledgerCauses: string[] = []
  for (const line of broken) {
    const at = formatPosition(line.position)
    const from = line.previous
      ? `between the entries ${formatPosition(line.previous)} and ${at}`
      : `before ${at}`
    if (line.entriesMissing)
      return unknown(`The ledger in MySQL lacks entries ${from}; restore them from a backup.`)
    const { reservationId } = line
    const reservation = reservationId === undefined ? undefined : reservations.get(reservationId)
    const ordered = reservation?.lines.find((each) => each.sku === sku)
    if (reservation && !ordered) {
      return unknown(
        `The ledger line at ${at} was changed outside Holdfast: its reservation has no such SKU; compare it with a backup.`,
      )
    }
    const quantity = ordered?.quantity ?? line.quantity
    const turns =
      reservationId === undefined
        ? undefined
        : await readTurns(ledger, reservationId, sku, line.position.sequence)
    const verdict = judgeKind(line, turns, reservation, quantity)
    if (verdict === 'untold') {
      return unknown(
        `The kind of the ledger line at ${at}, "${line.kind}", may have been changed outside Holdfast: its counts do not follow by it, and nothing tells what it was; compare it with a backup.`,
      )
    }
    const said = movesOf(line.kind)
    const moves = verdict === 'sound' ? said : movesOf(verdict.was)
    if (verdict !== 'sound') {
      ledgerCauses.push(
        `The kind of the ledger line at ${at} was changed outside Holdfast: it says "${line.kind}", and its counts are of "${verdict.was}".`,
      )
    } else if (quantity === line.quantity || !Object.values(moves).some(Boolean)) {
      redisCauses.push(`Redis' counts were changed outside Holdfast ${from}.`)
      continue
    } else {
      ledgerCauses.push(
        `The ledger line at ${at} was changed outside Holdfast: it moves ${line.quantity} units, its reservation has ${quantity}.`,
      )
    }
    const lacks = (count: keyof Counts) => moves[count] * quantity - said[count] * line.quantity
    truth.held += lacks('held')
    truth.sold += lacks('sold')
    // What is on hand was counted later, or here.
    truth.available +=
      counted && line.position.sequence <= counted.sequence ? -lacks('held') : lacks('available')
  }
  return {
    ...(broken.length < brokenLinesMax ? possible(truth) : { truth: undefined }),
    redisCause: redisCauses.join(' ') || "Redis' counts were changed outside Holdfast.",
    ledgerCause: ledgerCauses.join(' ') || undefined,
  }
}

/** The verdict that corrects nothing. */
function unknown(cause: string): LedgerVerdict {
  return { truth: undefined, redisCause: cause, ledgerCause: undefined }
}

/** The reservations of the lines as MySQL's rows have them, without those that cannot be read. */
async function readReservations(
  ledger: StoreLedger,
  broken: readonly BrokenLine[],
): Promise<Map<string, Reservation>> {
  const ids = broken.flatMap(({ reservationId }) => (reservationId === undefined ? [] : [reservationId]))
  const reservations = new Map<string, Reservation>()
  for (const [id, record] of await readRecords(ledger, ids)) {
    const reservation = parseRecord(id, record)
    if (reservation) reservations.set(id, reservation)
  }
  return reservations
}

/**
 * Fewer than none cannot be available: units that were not there have been sold, and no more must be. Less than
 * nothing held or sold is no state that the store can have been in.
 */
function possible({ available, held, sold }: Counts): Pick<LedgerVerdict, 'truth' | 'oversold'> {
  if (held < 0 || sold < 0) return { truth: undefined }
  if (available >= 0) return { truth: { available, held, sold } }
  return { truth: { available: 0, held, sold }, oversold: -available }
}

function equal(a: Counts, b: Counts): boolean {
  return a.available === b.available && a.held === b.held && a.sold === b.sold
}
