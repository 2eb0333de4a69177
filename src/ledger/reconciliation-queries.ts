import { type EntryKind, entryKinds } from '../domain/ledger-entry.js'
import type { Position } from '../domain/position.js'
import type { Counts } from '../domain/stock.js'
import type { Database } from './database.js'
import { Prisma } from './prisma-client/client.js'
import { recordColumn } from './record-column.js'
import type { StoreLedger } from './store-ledger.js'

/*
 * What the reconciler asks MySQL. History does not change: once the watermark has passed a position,
 * the lines up to it are the same for ever, so a question about that position needs no snapshot and
 * holds nobody up. Sequences are dense over the life of a store and never begin anew, so a sequence
 * alone tells which of two entries came first.
 */

type Query = Pick<Database, '$queryRaw'>

/** What MySQL knows of a SKU at a position. */
export interface SkuAtPosition {
  /** The row of the table `stock` as it is now; it may be newer than the position. */
  row: (Counts & { position: Position }) | undefined
  /** What the ledger line at the row's own position says; undefined when there is no such line. */
  rowLine: Counts | undefined
  /** The newest ledger line up to the position. */
  line: (Counts & { position: Position }) | undefined
  /** The sum of what the lines up to the position moved, from the newest correction of its counts on. */
  fold: Counts
  /** The same by what was counted on the shelf since, and where that was; undefined when nothing was. */
  counted: (Counts & { sequence: number }) | undefined
}

/** @param at the watermark must have passed it. */
export async function readSkusAt(
  ledger: StoreLedger,
  skus: readonly string[],
  at: Position,
): Promise<Map<string, SkuAtPosition>> {
  const storeId = await ledger.storeId()
  const names = Prisma.join([...skus])
  const found = new Map<string, SkuAtPosition>()
  for (const sku of skus) {
    found.set(sku, { row: undefined, rowLine: undefined, line: undefined, fold: zero, counted: undefined })
  }
  const [rows, folds] = await Promise.all([
    ledger.database.$queryRaw<StockRow[]>`
      SELECT s.sku, ${countsColumn('s')} AS counts, ${positionColumn('s')} AS position,
        ${countsColumn('l')} AS line_counts
      FROM stock AS s
      LEFT JOIN ledger AS l
        ON l.store_id = s.store_id AND l.sku = s.sku AND l.epoch = s.epoch AND l.sequence = s.sequence
      WHERE s.store_id = ${storeId} AND s.sku IN (${names})`,
    ledger.database.$queryRaw<FoldRow[]>`
      SELECT f.sku, ${countsColumn('f')} AS counts, f.corrected, f.counted, ${positionColumn('l')} AS line_position,
        ${countsColumn('l')} AS line_counts
      FROM (
        SELECT sku, ${foldColumns}, MAX(epoch) AS epoch, MAX(sequence) AS sequence,
          MAX(IF(kind = 'correct', sequence, NULL)) AS corrected,
          NULLIF(MAX(IF(kind = 'set', sequence, NULL)), MIN(sequence)) AS counted
        FROM ledger WHERE store_id = ${storeId} AND sku IN (${names}) AND sequence <= ${at.sequence}
        GROUP BY sku
      ) AS f
      LEFT JOIN ledger AS l
        ON l.store_id = ${storeId} AND l.sku = f.sku AND l.epoch = f.epoch AND l.sequence = f.sequence`,
  ])
  for (const row of rows) {
    const sku = found.get(row.sku) as SkuAtPosition
    sku.row = { ...readCountsText(row.counts), position: readPositionText(row.position) }
    sku.rowLine = row.line_counts === null ? undefined : readCountsText(row.line_counts)
  }
  const corrected: string[] = []
  const counted: string[] = []
  for (const row of folds) {
    const sku = found.get(row.sku) as SkuAtPosition
    sku.fold = readCountsText(row.counts)
    if (row.line_counts !== null && row.line_position !== null) {
      sku.line = { ...readCountsText(row.line_counts), position: readPositionText(row.line_position) }
    }
    if (row.corrected !== null) corrected.push(row.sku)
    // The count by which a SKU began says no more than what it moved.
    if (row.counted !== null) counted.push(row.sku)
  }
  for (const [sku, fold] of await foldFromCorrections(ledger.database, storeId, corrected, at)) {
    ;(found.get(sku) as SkuAtPosition).fold = fold
  }
  for (const { sku, sequence, onHand } of await onHandFromCounts(ledger.database, storeId, counted, at)) {
    const known = found.get(sku) as SkuAtPosition
    const { held, sold } = known.fold
    known.counted = { available: onHand - held, held, sold, sequence }
  }
  return found
}

const zero: Counts = { available: 0, held: 0, sold: 0 }

/** NULL where there is no row. One text costs far less to read than each of its columns. */
const countsColumn = (table: string) =>
  Prisma.raw(`CONCAT(${table}.available, ' ', ${table}.held, ' ', ${table}.sold)`)
const positionColumn = (table: string) => Prisma.raw(`CONCAT(${table}.epoch, ' ', ${table}.sequence)`)

function readCountsText(text: string): Counts {
  const [available, held, sold] = text.split(' ').map(Number) as [number, number, number]
  return { available, held, sold }
}

function readPositionText(text: string): Position {
  const [epoch, sequence] = text.split(' ').map(Number) as [number, number]
  return { epoch, sequence }
}

/**
 * A correction of counts says what they are: the fold goes on from the newest one of each SKU. Its quantity is what
 * was lacking, of which the counts cannot tell.
 */
async function foldFromCorrections(
  database: Query,
  storeId: number,
  skus: readonly string[],
  at: Position,
): Promise<Map<string, Counts>> {
  if (skus.length === 0) return new Map()
  const rows = await database.$queryRaw<(CountsRow & { sku: string })[]>`
    SELECT b.sku, ${foldColumnsFromBase}
    FROM (
      SELECT l.sku, l.sequence, CAST(l.available AS SIGNED) + LEAST(l.quantity, 0) AS available, l.held, l.sold
      FROM ledger AS l
      JOIN (
        SELECT sku, MAX(epoch) AS epoch, MAX(sequence) AS sequence FROM ledger
        WHERE store_id = ${storeId} AND sku IN (${Prisma.join([...skus])}) AND sequence <= ${at.sequence}
          AND kind = 'correct' AND reservation_id IS NULL
        GROUP BY sku
      ) AS newest ON l.store_id = ${storeId} AND l.sku = newest.sku AND l.epoch = newest.epoch
        AND l.sequence = newest.sequence
    ) AS b
    LEFT JOIN ledger AS l
      ON l.store_id = ${storeId} AND l.sku = b.sku AND l.sequence > b.sequence AND l.sequence <= ${at.sequence}
    GROUP BY b.sku, b.available, b.held, b.sold`
  return new Map(rows.map((row) => [row.sku, readCounts(row)]))
}

/**
 * What is on hand by the newest count of the shelf, which says it whatever it was before; of the SKUs that were
 * counted since the newest correction of their counts.
 */
async function onHandFromCounts(
  database: Query,
  storeId: number,
  skus: readonly string[],
  at: Position,
): Promise<{ sku: string; sequence: number; onHand: number }[]> {
  if (skus.length === 0) return []
  const rows = await database.$queryRaw<{ sku: string; sequence: WholeNumber; on_hand: WholeNumber }[]>`
    SELECT b.sku, b.sequence, CAST(b.available + b.held + COALESCE(SUM(${onHandChange}), 0) AS SIGNED) AS on_hand
    FROM (
      SELECT l.sku, l.sequence, l.available, l.held FROM ledger AS l
      JOIN (
        SELECT sku, MAX(IF(kind = 'set', epoch, NULL)) AS epoch, MAX(IF(kind = 'set', sequence, NULL)) AS sequence
        FROM ledger
        WHERE store_id = ${storeId} AND sku IN (${Prisma.join([...skus])}) AND sequence <= ${at.sequence}
          AND (kind = 'set' OR kind = 'correct' AND reservation_id IS NULL)
        GROUP BY sku HAVING MAX(sequence) = MAX(IF(kind = 'set', sequence, NULL))
      ) AS newest ON l.store_id = ${storeId} AND l.sku = newest.sku AND l.epoch = newest.epoch
        AND l.sequence = newest.sequence
    ) AS b
    LEFT JOIN ledger AS l
      ON l.store_id = ${storeId} AND l.sku = b.sku AND l.sequence > b.sequence AND l.sequence <= ${at.sequence}
    GROUP BY b.sku, b.sequence, b.available, b.held`
  return rows.map(({ sku, sequence, on_hand }) => ({
    sku,
    sequence: Number(sequence),
    onHand: Number(on_hand),
  }))
}

/** The change that a line makes to a count, by the signs of its kind. */
function change(count: keyof Counts, line: string): string {
  const kindsOf = (sign: number) =>
    Object.entries(entryKinds)
      .filter(([, signs]) => signs[count] === sign)
      .map(([kind]) => `'${kind}'`)
      .join(', ')
  const taken = kindsOf(-1)
  const taking = taken === '' ? '0' : `IF(${line}kind IN (${taken}), -${line}quantity, 0)`
  return `IF(${line}kind IN (${kindsOf(1)}), ${line}quantity, ${taking})`
}

const countNames = ['available', 'held', 'sold'] as const

const foldColumns = Prisma.raw(
  countNames.map((count) => `CAST(SUM(${change(count, '')}) AS SIGNED) AS ${count}`).join(', '),
)
const onHandChange = Prisma.raw(`${change('available', 'l.')} + ${change('held', 'l.')}`)
const foldColumnsFromBase = Prisma.raw(
  countNames.map((c) => `CAST(b.${c} + COALESCE(SUM(${change(c, 'l.')}), 0) AS SIGNED) AS ${c}`).join(', '),
)

/** A ledger line that does not follow from the line before it. */
export interface BrokenLine {
  position: Position
  /** Of the line before; undefined when there is none. */
  previous: Position | undefined
  kind: EntryKind
  reservationId: string | undefined
  quantity: number
  /** How far each count is from what the line before and the quantity give. */
  off: Counts
  /** Whether entries between the two lines, or their lines of the SKU, are missing from the ledger. */
  entriesMissing: boolean
}

/**
 * Where the story of a SKU's counts breaks, from its newest correction up to a position: the first
 * `limit` places.
 */
export async function readBrokenLines(
  ledger: StoreLedger,
  sku: string,
  at: Position,
  limit: number,
): Promise<BrokenLine[]> {
  const storeId = await ledger.storeId()
  const rows = await ledger.database.$queryRaw<BrokenLineRow[]>`
    SELECT * FROM (
      SELECT epoch, sequence, kind, reservation_id, quantity,
        LAG(epoch) OVER story AS previous_epoch, LAG(sequence) OVER story AS previous_sequence,
        ${offColumns}
      FROM ledger WHERE store_id = ${storeId} AND sku = ${sku} AND sequence <= ${at.sequence}
      WINDOW story AS (ORDER BY sequence)
    ) AS lines_with_the_one_before
    WHERE (available_off <> 0 OR held_off <> 0 OR sold_off <> 0) AND sequence > (
        SELECT COALESCE(MAX(sequence), 0) FROM ledger
        WHERE store_id = ${storeId} AND sku = ${sku} AND sequence <= ${at.sequence}
          AND kind = 'correct' AND reservation_id IS NULL
      )
    ORDER BY sequence LIMIT ${limit}`
  return Promise.all(
    rows.map(async (row) => {
      const position = readPosition(row.epoch, row.sequence)
      const previous =
        row.previous_epoch === null || row.previous_sequence === null
          ? undefined
          : readPosition(row.previous_epoch, row.previous_sequence)
      return {
        position,
        previous,
        kind: row.kind,
        reservationId: row.reservation_id ?? undefined,
        quantity: Number(row.quantity),
        off: {
          available: Number(row.available_off),
          held: Number(row.held_off),
          sold: Number(row.sold_off),
        },
        entriesMissing: await areEntriesMissing(ledger.database, storeId, sku, previous, position),
      }
    }),
  )
}

const offColumns = Prisma.raw(
  countNames
    .map(
      (c) =>
        `CAST(${c} AS SIGNED) - COALESCE(LAG(CAST(${c} AS SIGNED)) OVER story, 0) - ${change(c, '')} AS ${c}_off`,
    )
    .join(', '),
)

async function areEntriesMissing(
  database: Query,
  storeId: number,
  sku: string,
  from: Position | undefined,
  to: Position,
): Promise<boolean> {
  const first = from?.sequence ?? 0
  // Between two lines of a SKU that follow each other there is no entry of a reservation of it.
  const [lineless] = await database.$queryRaw<object[]>`
    SELECT l.sequence FROM ledger AS l JOIN reservations AS r ON r.store_id = l.store_id AND r.id = l.reservation_id
    WHERE l.store_id = ${storeId} AND l.sequence > ${first} AND l.sequence < ${to.sequence}
      AND l.epoch >= ${from?.epoch ?? 0} AND l.epoch <= ${to.epoch}
      AND LOCATE(${`,${sku}:`}, CONCAT(',', r.lines)) > 0 LIMIT 1`
  if (lineless) return true
  const [row] = await database.$queryRaw<{ found: bigint; quarantined: bigint }[]>`
    SELECT COUNT(DISTINCT sequence) AS found, (
      SELECT CAST(COALESCE(SUM(sequence - first_sequence + 1), 0) AS SIGNED) FROM quarantine
      WHERE store_id = ${storeId} AND sequence > ${first} AND sequence < ${to.sequence}
        AND epoch >= ${from?.epoch ?? 0} AND epoch <= ${to.epoch}
    ) AS quarantined
    FROM ledger
    WHERE store_id = ${storeId} AND sequence > ${first} AND sequence < ${to.sequence}
      AND epoch >= ${from?.epoch ?? 0} AND epoch <= ${to.epoch}`
  return Number(row?.found) + Number(row?.quarantined) < to.sequence - first - 1
}

/** The kinds of a reservation's entries that change its state, before and after one of its lines. */
export interface Turns {
  before: EntryKind[]
  after: EntryKind[]
  /** Whether the reconciler wrote any of its entries: then its state may have changed by that. */
  corrected: boolean
}

/** A reservation turns three times at most; of more it is enough to know that there are. */
const turnsMax = 10

/** @param sequence of the line that they are before and after. */
export async function readTurns(
  ledger: StoreLedger,
  reservationId: string,
  sku: string,
  sequence: number,
): Promise<Turns> {
  const storeId = await ledger.storeId()
  const rows = await ledger.database.$queryRaw<{ sequence: WholeNumber; kind: EntryKind }[]>`
    SELECT sequence, kind FROM ledger
    WHERE store_id = ${storeId} AND reservation_id = ${reservationId} AND sku = ${sku}
      AND sequence <> ${sequence} AND kind <> 'extend'
    ORDER BY kind <> 'correct', sequence LIMIT ${turnsMax}`
  const turns = rows.filter(({ kind }) => kind !== 'correct')
  return {
    before: turns.filter((row) => Number(row.sequence) < sequence).map(({ kind }) => kind),
    after: turns.filter((row) => Number(row.sequence) > sequence).map(({ kind }) => kind),
    corrected: turns.length < rows.length,
  }
}

/** The records of reservations as Redis would hold them, from MySQL's rows as they are now. */
export async function readRecords(ledger: StoreLedger, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const storeId = await ledger.storeId()
  const rows = await ledger.database.$queryRaw<{ id: string; record: string }[]>`
    SELECT id, ${recordColumn} AS record FROM reservations
    WHERE store_id = ${storeId} AND id IN (${Prisma.join([...ids])})`
  return new Map(rows.map(({ id, record }) => [id, record]))
}

/** A reservation whose row is not what its ledger entries made of it. */
export interface UnfoundedReservation {
  id: string
  /** Of the row; undefined when there is none. */
  state: string | undefined
  /** What the entries say. */
  expected: 'held' | 'confirmed' | 'ended'
}

/** The first reservations of a SKU whose rows do not agree with the ledger, for a report's cause. */
export async function readUnfoundedReservations(
  ledger: StoreLedger,
  sku: string,
  limit: number,
): Promise<UnfoundedReservation[]> {
  const storeId = await ledger.storeId()
  const { watermark } = await ledger.row()
  const rows = await ledger.database.$queryRaw<
    { reservation_id: string; held: bigint; sold: bigint; state: string | null }[]
  >`
    SELECT l.reservation_id, l.held, l.sold, r.state
    FROM (
      SELECT reservation_id, ${foldColumns} FROM ledger
      WHERE store_id = ${storeId} AND sku = ${sku} AND reservation_id IS NOT NULL
        AND sequence <= ${watermark.sequence}
      GROUP BY reservation_id
    ) AS l
    LEFT JOIN reservations AS r ON r.store_id = ${storeId} AND r.id = l.reservation_id
    WHERE COALESCE(r.sequence, 0) <= ${watermark.sequence}
      AND ((l.held > 0) <> (COALESCE(r.state, '') = 'held')
        OR (l.sold > 0) <> (COALESCE(r.state, '') = 'confirmed'))
    LIMIT ${limit}`
  return rows.map(({ reservation_id, held, sold, state }) => ({
    id: reservation_id,
    state: state ?? undefined,
    expected: Number(held) > 0 ? 'held' : Number(sold) > 0 ? 'confirmed' : 'ended',
  }))
}

type WholeNumber = number | bigint

interface CountsRow {
  available: WholeNumber
  held: WholeNumber
  sold: WholeNumber
}

interface StockRow {
  sku: string
  counts: string
  position: string
  line_counts: string | null
}

interface FoldRow {
  sku: string
  counts: string
  corrected: WholeNumber | null
  counted: WholeNumber | null
  line_position: string | null
  line_counts: string | null
}

interface BrokenLineRow {
  epoch: WholeNumber
  sequence: WholeNumber
  previous_epoch: WholeNumber | null
  previous_sequence: WholeNumber | null
  kind: EntryKind
  reservation_id: string | null
  quantity: WholeNumber
  available_off: WholeNumber
  held_off: WholeNumber
  sold_off: WholeNumber
}

function readCounts(row: CountsRow): Counts {
  return { available: Number(row.available), held: Number(row.held), sold: Number(row.sold) }
}

function readPosition(epoch: WholeNumber, sequence: WholeNumber): Position {
  return { epoch: Number(epoch), sequence: Number(sequence) }
}
