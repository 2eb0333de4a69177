import type { LedgerEntry } from '../domain/ledger-entry.js'
import { comparePositions, type Position } from '../domain/position.js'
import { formatLines } from '../domain/reservation.js'
import { type AsideEntry, everySku } from './blocked-skus.js'
import type { Database } from './database.js'

/** Where a store's ledger in MySQL stands, and whose entries it takes. */
export interface StoreRow {
  watermark: Position
  /** The run id of the Redis server that owns the store. */
  server: string
  /** Rises whenever another server takes the store over. */
  generation: number
  /** Whether that server was found sound, so that its entries are taken. */
  opened: boolean
  /**
   * The last owner that was opened: none that came after it can have sold. Without a run id where only an upper
   * bound of its generation is known.
   */
  lastOpened: { server: string; generation: number }
}

/**
 * Applies entries to MySQL and moves the store's watermark from where it was seen to the position of
 * the last of them, in one transaction.
 *
 * Nothing is applied unless the store still stands as it was seen: the same watermark, so that of two
 * writers one does the work, and the same server, so that one that was superseded adds nothing.
 *
 * Each statement is also safe to repeat and to run late: it carries whole states, and a row only
 * ever moves to a newer position (`saveNewer`). So a transaction of which the client lost track cannot take a row
 * back. The watermark moves last, and only to an entry that MySQL has: run late, after what comes before it was
 * rolled back, it moves nothing.
 *
 * Each statement takes all its rows as one JSON text: a call through Prisma costs far more than a
 * row does.
 *
 * @param msMax after which it is rolled back; a statement under way is waited for.
 * @returns false when the store stood elsewhere and nothing was applied.
 * @throws Error when MySQL failed or the time was up. Whether it was applied shows in the watermark.
 */
export async function applyEntries(
  database: Database,
  storeId: number,
  seen: StoreRow,
  { to, writes }: EntryBatch,
  msMax = transactionMsMax,
): Promise<boolean> {
  const { watermark, server } = seen
  const moves = comparePositions(to, watermark) !== 0
  const asSeen = [storeId, server, watermark.epoch, watermark.sequence] as const
  const results = await database.$transaction(
    [
      // Should this process vanish without a word, MySQL gives up soon what it locks here.
      database.$executeRawUnsafe(`SET SESSION wait_timeout = ${idleSecondsMax}`),
      database.$queryRawUnsafe('SELECT id FROM stores WHERE id = ? FOR UPDATE', storeId),
      ...writes.map(({ statement, rows = [] }) => database.$executeRawUnsafe(statement, ...rows, ...asSeen)),
      database.$executeRawUnsafe(moveWatermark, to.epoch, to.sequence, ...asSeen, !moves),
    ],
    { timeout: msMax },
  )
  return results.at(-1) === 1
}

/**
 * How long a transaction may take before it is rolled back. Prisma's own limit is 5 s, for arrays of
 * statements too. Each statement may take 8 s (`openDatabase`).
 */
export const transactionMsMax = 20_000

/** Between two statements of a transaction there is a moment; a connection of the pool may be idle for longer. */
const idleSecondsMax = 10

/** What a transaction does, formatted while MySQL is at work on the one before. */
export interface EntryBatch {
  /** Entries that are applied. */
  entries: number
  /** Entries that are kept in the quarantine instead. */
  aside: readonly AsideEntry[]
  /** Where the watermark moves to. */
  to: Position
  writes: readonly Write[]
}

/** A statement, and the rows that it takes as one JSON text. */
interface Write {
  statement: string
  rows?: readonly [string]
}

/** Applies entries, sets others aside, and moves the watermark past all of them. */
export function prepareBatch(
  to: Position,
  entries: readonly LedgerEntry[],
  aside: readonly AsideEntry[] = [],
): EntryBatch {
  const blocked = new Set(aside.flatMap(({ skus = [everySku] }) => skus))
  const writes = [
    ...entryWrites(entries),
    ...rowWrites(setAside, asideRows(aside)),
    ...rowWrites(blockSkus, skuRows(blocked)),
  ]
  return { entries: entries.length, aside, to, writes }
}

/**
 * Applies entries from the quarantine, where the watermark has passed them already.
 *
 * @param released the rows that they came from.
 * @param unreadable rows that stay.
 */
export function prepareRelease(
  at: Position,
  entries: readonly LedgerEntry[],
  released: readonly Position[],
  unreadable: readonly AsideEntry[],
): EntryBatch {
  const rows = released.map(({ epoch, sequence }) => [epoch, sequence])
  const writes = [
    ...entryWrites(entries),
    ...rowWrites(release, rows),
    ...rowWrites(setAside, asideRows(unreadable)),
  ]
  return { entries: entries.length, aside: [], to: at, writes }
}

/** Says which SKUs are blocked, all others not. */
export function prepareBlockedSkus(at: Position, skus: readonly string[]): EntryBatch {
  const writes = [{ statement: unblockSkus }, ...rowWrites(blockSkus, skuRows(skus))]
  return { entries: 0, aside: [], to: at, writes }
}

function entryWrites(entries: readonly LedgerEntry[]): Write[] {
  return [
    ...rowWrites(insertLedger, ledgerRows(entries)),
    ...rowWrites(insertActors, actorRows(entries)),
    ...rowWrites(saveReservations, reservationRows(entries)),
    ...rowWrites(saveStock, stockRows(entries)),
    ...rowWrites(saveAdjustments, adjustmentRows(entries)),
  ]
}

function rowWrites(statement: string, rows: readonly Row[]): Write[] {
  return rows.length > 0 ? [{ statement, rows: [JSON.stringify(rows)] }] : []
}

/** A column that is written, and its type. */
type Column = readonly [name: string, type: string]

const position = [
  ['epoch', 'INT UNSIGNED'],
  ['sequence', 'BIGINT UNSIGNED'],
] as const

/*
 * Each table's columns begin with those whose values are short: MySQL reads over all that stand
 * before a value to find it.
 */

const ledgerColumns: readonly Column[] = [
  ['line', 'TINYINT UNSIGNED'],
  ['quantity', 'BIGINT'],
  ...position,
  ['available', 'BIGINT UNSIGNED'],
  ['held', 'BIGINT UNSIGNED'],
  ['sold', 'BIGINT UNSIGNED'],
  ['reason', 'VARCHAR(255)'],
  ['kind', 'VARCHAR(16)'],
  ['sku', 'VARCHAR(64)'],
  ['occurred_at', 'DATETIME(3)'],
  ['reservation_id', 'CHAR(36)'],
]

const actorColumns: readonly Column[] = [...position, ['actor', 'VARCHAR(80)']]

const reservationColumns: readonly Column[] = [
  ...position,
  ['reacquired', 'TINYINT'],
  ['ttl_seconds', 'INT UNSIGNED'],
  ['closed_at', 'DATETIME(3)'],
  ['order_id', 'VARCHAR(128)'],
  ['payment_ref', 'VARCHAR(128)'],
  ['state', 'VARCHAR(16)'],
  ['lines', 'TEXT'],
  ['customer_id', 'VARCHAR(128)'],
  ['created_at', 'DATETIME(3)'],
  ['expires_at', 'DATETIME(3)'],
  ['id', 'CHAR(36)'],
  ['idempotency_key', 'VARCHAR(255)'],
]

const stockColumns: readonly Column[] = [
  ...position,
  ['available', 'BIGINT UNSIGNED'],
  ['held', 'BIGINT UNSIGNED'],
  ['sold', 'BIGINT UNSIGNED'],
  ['sku', 'VARCHAR(64)'],
]

const adjustmentColumns: readonly Column[] = [
  ['quantity', 'BIGINT'],
  ['sku', 'VARCHAR(64)'],
  ['reason', 'VARCHAR(255)'],
  ['occurred_at', 'DATETIME(3)'],
  ['idempotency_key', 'VARCHAR(255)'],
]

const quarantineColumns: readonly Column[] = [
  ...position,
  ['first_sequence', 'BIGINT UNSIGNED'],
  ['state', 'VARCHAR(16)'],
  ['skus', 'TEXT'],
  ['record', 'MEDIUMTEXT'],
]

/** The rows of a statement, and the store while it stands as the writer saw it: otherwise nothing. */
function fromRows(columns: readonly Column[]): string {
  const paths = columns.map(([name, type], i) => `\`${name}\` ${type} PATH '$[${i}]'`)
  return `JSON_TABLE(?, '$[*]' COLUMNS (${paths.join(', ')})) AS r ${whileAsSeen}`
}

const whileAsSeen = 'JOIN stores AS s ON s.id = ? AND s.server = ? AND s.epoch = ? AND s.sequence = ?'

function insertRows(table: string, columns: readonly Column[], onDuplicate: string): string {
  const names = columns.map(([name]) => `\`${name}\``)
  return `
INSERT INTO ${table} (store_id, ${names.join(', ')}) SELECT s.id, r.* FROM ${fromRows(columns)}
ON DUPLICATE KEY UPDATE ${onDuplicate}`
}

/**
 * Inserts rows, or takes those that are there to a newer position. One that claims to be ahead of the
 * watermark was changed by somebody else, and would otherwise never be written again. Columns are assigned
 * from left to right, so the position is compared before it is assigned.
 */
function saveNewer(table: string, key: string, columns: readonly Column[]): string {
  const newer = `VALUES(epoch) > ${table}.epoch OR (VALUES(epoch) = ${table}.epoch AND VALUES(sequence) > ${table}.sequence)
    OR ${table}.epoch > s.epoch OR (${table}.epoch = s.epoch AND ${table}.sequence > s.sequence)`
  const values = columns.map(([name]) => name).filter((name) => ![key, 'epoch', 'sequence'].includes(name))
  const assignments = [...values, 'sequence']
    .map((name) => `\`${name}\` = IF(${newer}, VALUES(\`${name}\`), ${table}.\`${name}\`)`)
    .concat(`epoch = IF(${table}.epoch > s.epoch, VALUES(epoch), GREATEST(${table}.epoch, VALUES(epoch)))`)
  return insertRows(table, columns, assignments.join(', '))
}

const insertLedger = insertRows('ledger', ledgerColumns, 'line = VALUES(line)')
const insertActors = insertRows('ledger_actors', actorColumns, 'actor = VALUES(actor)')
const saveReservations = saveNewer('reservations', 'id', reservationColumns)
const saveStock = saveNewer('stock', 'sku', stockColumns)
const saveAdjustments = insertRows(
  'adjustment_keys',
  adjustmentColumns,
  'sku = VALUES(sku), quantity = VALUES(quantity), reason = VALUES(reason), occurred_at = VALUES(occurred_at)',
)

const setAside = insertRows('quarantine', quarantineColumns, 'state = VALUES(state)')
const blockSkus = insertRows('quarantined_skus', [['sku', 'VARCHAR(64)']], 'sku = VALUES(sku)')

const release = `
DELETE q FROM ${fromRows(position)}
JOIN quarantine AS q ON q.store_id = s.id AND q.epoch = r.epoch AND q.sequence = r.sequence`

const unblockSkus = `
DELETE q FROM quarantined_skus AS q ${whileAsSeen.replace('ON', 'ON q.store_id = s.id AND')}`

const moveWatermark = `
UPDATE stores AS s
JOIN (SELECT CAST(? AS UNSIGNED) AS epoch, CAST(? AS UNSIGNED) AS sequence) AS moved
SET s.epoch = moved.epoch, s.sequence = moved.sequence, s.updated_at = CURRENT_TIMESTAMP(3)
WHERE s.id = ? AND s.server = ? AND s.epoch = ? AND s.sequence = ? AND (
  ? OR EXISTS (
    SELECT 1 FROM ledger AS l WHERE l.store_id = s.id AND l.epoch = moved.epoch AND l.sequence = moved.sequence
  ) OR EXISTS (
    SELECT 1 FROM quarantine AS q WHERE q.store_id = s.id AND q.epoch = moved.epoch AND q.sequence = moved.sequence
  )
)`

type Row = readonly (string | number | null)[]

function ledgerRows(entries: readonly LedgerEntry[]): Row[] {
  const rows: Row[] = []
  for (const entry of entries) {
    const { epoch, sequence } = entry.position
    const occurredAt = formatTime(entry.occurredAtMs)
    for (const [index, line] of entry.lines.entries()) {
      rows.push([
        index,
        line.quantity,
        epoch,
        sequence,
        line.available,
        line.held,
        line.sold,
        entry.reason ?? null,
        entry.kind,
        line.sku,
        occurredAt,
        entry.reservation?.id ?? null,
      ])
    }
  }
  return rows
}

function actorRows(entries: readonly LedgerEntry[]): Row[] {
  const rows: Row[] = []
  for (const { position, actor } of entries) {
    if (actor !== undefined) rows.push([position.epoch, position.sequence, actor])
  }
  return rows
}

/** Each reservation once, as its newest entry left it, sorted so that writers lock in one order. */
function reservationRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { position, reservation } of entries) {
    if (!reservation) continue
    newest.set(reservation.id, [
      position.epoch,
      position.sequence,
      reservation.reacquired ? 1 : 0,
      reservation.ttlSeconds,
      reservation.closedAtMs === undefined ? null : formatTime(reservation.closedAtMs),
      reservation.orderId ?? null,
      reservation.paymentRef ?? null,
      reservation.state,
      formatLines(reservation.lines),
      reservation.customerId,
      formatTime(reservation.createdAtMs),
      formatTime(reservation.expiresAtMs),
      reservation.id,
      reservation.idempotencyKey ?? null,
    ])
  }
  return sortByKey(newest)
}

/** Each SKU once, with the counts its newest entry left. */
function stockRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { position, lines } of entries) {
    for (const { sku, available, held, sold } of lines) {
      newest.set(sku, [position.epoch, position.sequence, available, held, sold, sku])
    }
  }
  return sortByKey(newest)
}

/** Each idempotency key once, with the newest adjustment made under it. */
function adjustmentRows(entries: readonly LedgerEntry[]): Row[] {
  const newest = new Map<string, Row>()
  for (const { idempotencyKey, lines, reason, occurredAtMs } of entries) {
    const line = lines[0]
    if (idempotencyKey === undefined || !line) continue
    newest.set(idempotencyKey, [
      line.quantity,
      line.sku,
      reason ?? null,
      formatTime(occurredAtMs),
      idempotencyKey,
    ])
  }
  return sortByKey(newest)
}

function asideRows(aside: readonly AsideEntry[]): Row[] {
  return aside.map(({ position, first, state, skus, record }) => [
    position.epoch,
    position.sequence,
    first,
    state,
    skus?.join(',') ?? null,
    JSON.stringify(record),
  ])
}

function skuRows(skus: Iterable<string>): Row[] {
  return [...skus].sort().map((sku) => [sku])
}

function sortByKey(rows: Map<string, Row>): Row[] {
  return [...rows.keys()].sort().map((key) => rows.get(key) as Row)
}

/** The entries of a record share their times, so the last ones are remembered. */
const formattedTimes = new Map<number, string>()

/** Milliseconds since 1970 as DATETIME(3) in UTC: `2026-12-12 12:12:12.120`. */
function formatTime(ms: number): string {
  let text = formattedTimes.get(ms)
  if (text === undefined) {
    text = new Date(ms).toISOString().slice(0, 23).replace('T', ' ')
    if (formattedTimes.size >= 64) formattedTimes.clear()
    formattedTimes.set(ms, text)
  }
  return text
}
