import { comparePositions, formatPosition, type Position, parsePosition } from '../domain/position.js'
import type { Drift } from '../domain/reconciliation.js'
import { parseRecord, type Reservation } from '../domain/reservation.js'
import { LedgerPages } from '../ledger/ledger-pages.js'
import { type DiscardedEntry, readHeldBack } from '../ledger/quarantine-queries.js'
import { readRecords } from '../ledger/reconciliation-queries.js'
import type { Correction } from '../stock/store-corrections.js'
import type { Survey, SurveyedReservation } from '../stock/store-survey.js'
import type { ReconciliationFindings } from './reconciliation-findings.js'
import { compareParts, type ReconciliationRun, readingOf, settle } from './reconciliation-run.js'
import { type Choice, chooseTruth, readStory, undecided } from './reconciliation-story.js'
import { SortedIds } from './sorted-ids.js'

/**
 * Compares every reservation that MySQL has open or Redis holds. What ended long ago Redis has forgotten, as
 * it should. What is made while it runs is left to the next run: on a busy store, there is no end of it.
 */
export async function reconcileReservations(run: ReconciliationRun): Promise<void> {
  const { position: begin } = await run.survey.sizes()
  await run.lag.passed(begin)
  const pages = await LedgerPages.now(run.ledger, run.settings.pageRows)
  const open: OpenReservations = { pages, lastId: await pages.lastOpenReservation() }
  // Reading MySQL in the order of its rows costs a quarter of looking up what Redis happens to come across.
  const seen = new SortedIds()
  await compareOpen(run, open, seen)
  const { repaired } = run.findings
  await compareOthers(run, seen, begin)
  // What was dropped may have had the idempotency key of another one.
  if (run.findings.repaired > repaired) await compareOpen(run, open, undefined)
  // Every record has exactly one deadline or end. When there are more of these, some have no record; when there are as
  // many, some may have none for each record that lacks its own.
  const { reservations, deadlines, finished } = await run.survey.sizes()
  if (deadlines + finished !== reservations || someLackPointers(run.findings)) await comparePointers(run)
}

function someLackPointers({ drifted, roomy }: ReconciliationFindings): boolean {
  return !roomy || drifted.some(({ reservationId, field }) => reservationId && pointerFields.has(field))
}

/** Drifts by which a record may lack its deadline or its end. */
const pointerFields = new Set(['deadline', 'finished', 'record'])

/** Those that MySQL had open when the run came to them. */
interface OpenReservations {
  pages: LedgerPages
  /** Of the last one; ids are in the order of time, but for clocks. */
  lastId: string
}

/**
 * Walks through what is open in MySQL, for what Redis does not hold alike. A record carries the position of the
 * entry that made it what it is, so what both hold alike is alike whenever each was read, and needs no second
 * look.
 *
 * @param seen gets the ids, which count as checked; undefined when they have been before.
 */
async function compareOpen(
  run: ReconciliationRun,
  { pages, lastId }: OpenReservations,
  seen: SortedIds | undefined,
): Promise<void> {
  const { partItems } = run.settings
  await compareParts(run, async (add) => {
    for await (const rows of pages.openReservations(lastId)) {
      seen?.add(rows.map(({ id }) => id))
      for (let i = 0; i < rows.length; i += partItems) {
        await run.beat()
        const some = rows.slice(i, i + partItems)
        const part = await run.survey.unlike(some)
        if (seen) run.findings.checked.reservations += some.length - part.items.filter(isMissing).length
        await add(() => compareReservations(run, part))
      }
    }
  })
}

/**
 * Walks through the reservations in Redis for those that were not open in MySQL.
 *
 * @param begin where the store was before MySQL was asked which are open. What has changed since is left out.
 */
async function compareOthers(run: ReconciliationRun, seen: SortedIds, begin: Position): Promise<void> {
  const { partItems, pageRows } = run.settings
  const others: string[] = []
  await compareParts(run, async (add) => {
    const compareSome = async () => {
      const { position, items } = await run.survey.reservations(others.splice(0, partItems))
      const part = { position, items: items.filter((item) => !isChangedBetween(item, begin, position)) }
      run.findings.checked.reservations += part.items.length - part.items.filter(isMissing).length
      await add(() => compareReservations(run, part))
    }
    for await (const ids of run.survey.scanIds(pageRows)) {
      await run.beat()
      for (const id of ids) {
        if (id.includes(replacement))
          run.findings.add([describeUnreadable(id, run.corrections !== undefined)])
        else if (!seen.has(id)) others.push(id)
      }
      while (others.length >= partItems) await compareSome()
    }
    if (others.length > 0) await compareSome()
  })
}

/** Whether the newest entry of a reservation comes after one position, and not after another. */
function isChangedBetween({ record }: SurveyedReservation, after: Position, until: Position): boolean {
  const position = parsePosition(record.split('\t', 2)[1] ?? '')
  if (!position) return false
  return comparePositions(position, after) > 0 && comparePositions(position, until) <= 0
}

/** Stands for bytes that are no text. */
const replacement = '\ufffd'

function describeUnreadable(id: string, repair: boolean): Drift {
  return {
    reservationId: id,
    field: 'record',
    redis: null,
    mysql: null,
    expected: null,
    cause: 'It was written to Redis outside Holdfast: its id is no text.',
    repaired: false,
    ...(repair && { unrepaired: 'Holdfast cannot name it; delete it from the hash of reservations by hand' }),
  }
}

/** Walks through the deadlines and the ends, for those that point at no record. */
async function comparePointers(run: ReconciliationRun): Promise<void> {
  await compareParts(run, async (add) => {
    for (const pointers of ['deadlines', 'finished'] as const) {
      for await (const part of run.survey.scanPointers(pointers, run.settings.partItems)) {
        await run.beat()
        const items = part.items.filter(isMissing)
        await add(() => compareReservations(run, { ...part, items }))
      }
    }
  })
}

/** Whether Redis has no record of it. */
const isMissing = ({ record }: SurveyedReservation) => record === ''

async function compareReservations(
  run: ReconciliationRun,
  { position, items }: Survey<SurveyedReservation>,
): Promise<void> {
  await run.lag.passed(position)
  if (items.length > 0) {
    const ids = items.map(({ id }) => id)
    const untold = items.filter(({ record }) => skusOf(record).includes(''))
    const told = await readRecords(
      run.ledger,
      untold.map(({ id }) => id),
    )
    const records = [...items.map(({ record }) => record), ...told.values()]
    // In this order: what is set aside meanwhile is of after the position.
    const { quarantined, discarded } = await readHeldBack(run.ledger, [...new Set(records.flatMap(skusOf))])
    const rows = await readRecords(run.ledger, ids)
    for (const item of items) {
      const row = rows.get(item.id)
      if (item.record === row && isPointedAt(item)) continue
      // MySQL holds entries of it back; its SKUs are named.
      const isHeldBack =
        quarantined.size > 0 && [item.record, row ?? ''].flatMap(skusOf).some((sku) => quarantined.has(sku))
      if (!isHeldBack) await judge(run, position, item, row, discarded)
    }
  }
  run.findings.compared(position)
}

/** '' for one that cannot be read: it may be any. */
function skusOf(record: string): string[] {
  const [lines = ''] = record.split('\t', 10).slice(9)
  return lines.split(',').map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
}

/**
 * Whether a held record has its deadline, and an ended one its end, and neither has the other, and whether its
 * idempotency key leads to it.
 */
function isPointedAt({ id, record, deadline, finished, maker }: SurveyedReservation): boolean {
  const [state, , , expiresAt, closedAt, , , key] = record.split('\t', 8)
  if (key !== '' && maker !== id) return false
  return state === 'held'
    ? deadline === expiresAt && finished === ''
    : finished === closedAt && deadline === ''
}

async function judge(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedReservation,
  row: string | undefined,
  discarded: readonly DiscardedEntry[],
): Promise<void> {
  const redis = item.record === '' ? undefined : parseRecord(item.id, item.record)
  const mysql = row === undefined ? undefined : parseRecord(item.id, row)
  const isLater = mysql !== undefined && comparePositions(mysql.position, at) > 0
  const newer = isLater && (await run.lag.covers(mysql.position))
  if (item.record === '') {
    const isMissing = mysql?.state === 'held' || (mysql && item.finished !== '')
    if (!newer && isMissing) await reportRecord(run, at, item, redis, mysql, row, discarded)
    else await reportPointers(run, at, item)
    return
  }
  // What changed after the position is compared by the next run.
  if (redis && (newer || item.record === row)) {
    if (!isPointedAt(item)) await reportPointed(run, at, item, redis)
    return
  }
  if (!newer) await reportRecord(run, at, item, redis, mysql, row, discarded)
}

/** The record and the row are not the same, or one of them is missing. */
async function reportRecord(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedReservation,
  redis: Reservation | undefined,
  mysql: Reservation | undefined,
  row: string | undefined,
  discarded: readonly DiscardedEntry[],
): Promise<void> {
  // Beyond what a dry run reports in full nobody reads the cause, and finding it costs a query.
  const isLookedInto = run.corrections !== undefined || run.findings.roomy
  const choose = async () =>
    (await madeUp(run, at, redis, row)) ??
    chooseTruth(redis, mysql, await readStory(run.ledger, item.id, at), item.deadline)
  const choice = (redis && discardedChange(discarded, redis)) ?? (isLookedInto ? await choose() : undecided)
  const drifts = describeRecord(item, row, choice)
  await correct(run, at, item, choice, drifts)
}

/** Redis is the one that knows what an entry made of a reservation that was discarded. */
function discardedChange(discarded: readonly DiscardedEntry[], redis: Reservation): Choice | undefined {
  const { epoch, sequence } = redis.position
  const entry = discarded.find(
    ({ first, position }) => position.epoch === epoch && first <= sequence && sequence <= position.sequence,
  )
  if (!entry) return undefined
  const cause = `The ledger entry ${formatPosition(entry.position)}, by which it changed, was discarded.`
  return { truth: redis, redis, cause }
}

/**
 * A record whose newest entry is another one's, or none that there is by now, was made of nothing: the ledger
 * knows nothing of its reservation.
 */
async function madeUp(
  run: ReconciliationRun,
  at: Position,
  redis: Reservation | undefined,
  row: string | undefined,
): Promise<Choice | undefined> {
  if (!redis || row !== undefined) return undefined
  const { id, position } = redis
  const [own] = await run.ledger.entries({ reservationId: id, after: undefined, limit: 1 })
  if (own) return undefined
  if (comparePositions(position, at) <= 0 && !(await run.ledger.hasEntry(position))) return undefined
  const cause = 'The reservation was written to Redis outside Holdfast: the ledger has no entry of it.'
  return { truth: undefined, redis, cause, isMadeUp: true }
}

/** A held reservation without its deadline would be held for ever; an ended one never forgotten. */
async function reportPointed(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedReservation,
  redis: Reservation,
): Promise<void> {
  const expiresAt = redis.state === 'held' ? String(redis.expiresAtMs) : ''
  const closedAt = redis.closedAtMs === undefined ? '' : String(redis.closedAtMs)
  const drifts: Drift[] = []
  const add = (field: string, found: string, expected: string, cause: string) => {
    if (found === expected) return
    drifts.push({
      reservationId: item.id,
      field,
      redis: found === '' ? null : found,
      mysql: null,
      expected: expected === '' ? null : expected,
      cause: `${cause} changed outside Holdfast.`,
      repaired: false,
    })
  }
  add('deadline', item.deadline, expiresAt, 'The set of deadlines in Redis was')
  const ended = 'The set of ended reservations in Redis was'
  add('finished', item.finished, redis.state === 'held' ? '' : closedAt, ended)
  const maker = redis.idempotencyKey === undefined ? '' : item.id
  add('key', item.maker, maker, 'The idempotency keys in Redis were')
  await correct(run, at, item, { truth: redis }, drifts)
}

/** A deadline or an end points at a reservation that neither Redis nor MySQL holds open. */
async function reportPointers(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedReservation,
): Promise<void> {
  const drifts: Drift[] = []
  for (const field of ['deadline', 'finished'] as const) {
    if (item[field] === '') continue
    drifts.push({
      reservationId: item.id,
      field,
      redis: item[field],
      mysql: null,
      expected: null,
      cause: 'Redis points at a reservation that it does not hold: its record was deleted outside Holdfast.',
      repaired: false,
    })
  }
  if (drifts.length === 0) return
  if (run.corrections) settle(run, drifts, await run.corrections.drop(readingOf(run, at), item.id, ''))
  run.findings.add(drifts)
}

async function correct(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedReservation,
  { truth, isMadeUp }: Pick<Choice, 'truth' | 'isMadeUp'>,
  drifts: readonly Drift[],
): Promise<void> {
  const { corrections } = run
  if (corrections && drifts.length > 0) {
    const reading = readingOf(run, at)
    let correction: Correction = { unrepaired: 'neither Redis nor MySQL agrees with the ledger' }
    if (truth) correction = await corrections.mendReservation(reading, item.record, truth, reason(at, drifts))
    else if (isMadeUp) correction = await corrections.drop(reading, item.id, item.record)
    settle(run, drifts, correction)
  }
  run.findings.add(drifts)
}

/** The values before, for the ledger; of texts the begin. */
function reason(at: Position, drifts: readonly Drift[]): string {
  const values = drifts.map(
    ({ field, redis, mysql }) => `${field}: Redis ${redis ?? 'nothing'}, MySQL ${mysql ?? 'nothing'}`,
  )
  return `reconciliation: at ${formatPosition(at)} ${values.join('; ')}`
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
}

/** In the order of the record. */
const fields = [
  ...['state', 'position', 'createdAt', 'expiresAt', 'closedAt', 'reacquired'],
  ...['paymentRef', 'idempotencyKey', 'ttlSeconds', 'lines', 'customerId', 'orderId'],
]
const valueLengthMax = 200

function describeRecord(item: SurveyedReservation, row: string | undefined, choice: Choice): Drift[] {
  const { truth, cause } = choice
  const redisValues = item.record.split('\t')
  const mysqlValues = row?.split('\t') ?? []
  const readable = redisValues.length === fields.length && mysqlValues.length === fields.length
  const whole = {
    reservationId: item.id,
    field: 'record',
    redis: stateOf(item.record),
    mysql: stateOf(row ?? ''),
    expected: truth?.state ?? null,
    cause,
    repaired: false,
  }
  if (!readable) return [whole]
  const truthValues = truth && (truth === choice.redis ? redisValues : mysqlValues)
  const drifts: Drift[] = []
  for (const [i, field] of fields.entries()) {
    const [redis, mysql] = [redisValues[i] ?? '', mysqlValues[i] ?? '']
    if (redis === mysql) continue
    drifts.push({
      ...whole,
      field,
      redis: redis.slice(0, valueLengthMax),
      mysql: mysql.slice(0, valueLengthMax),
      expected: truthValues?.[i]?.slice(0, valueLengthMax) ?? null,
    })
  }
  return drifts
}

/** The state in a record, or the begin of a text that is none. */
function stateOf(record: string): string | null {
  if (record === '') return null
  return record.split('\t').length === fields.length
    ? (record.split('\t', 1)[0] as string)
    : record.slice(0, 60)
}
