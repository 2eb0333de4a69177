import { expect } from 'vitest'
import { type EntryKind, entryKinds } from '../../src/domain/ledger-entry.js'
import { formatPosition, type Position } from '../../src/domain/position.js'
import { formatLines, parseLines, parseRecord, type Reservation } from '../../src/domain/reservation.js'
import type { Counts } from '../../src/domain/stock.js'
import type { TestStore } from './test-store.js'
import { eventually } from './test-store.js'

/** What it takes to read a store. */
type ObservedStore = Pick<TestStore, 'name' | 'keys' | 'redis' | 'database'> & {
  config: { retentionSeconds: number }
}

/**
 * The invariants of a store, judged from outside: everything Redis and MySQL hold of it is read at
 * one position of the ledger, and each invariant is computed from the data alone.
 */
export type InvariantName = keyof typeof invariants

export interface BrokenInvariant {
  invariant: InvariantName
  /** What was found, one sentence for each finding; the first few of them. */
  findings: string[]
}

/** Waits until MySQL holds the whole ledger, then fails for every invariant that is broken. */
export async function expectInvariants(
  store: TestStore,
  options: { except?: readonly InvariantName[] } = {},
): Promise<StoreState> {
  const state = await readStore(store)
  const broken = findBroken(state).filter(({ invariant }) => !options.except?.includes(invariant))
  expect(broken, `invariants of ${store.name} at ${formatPosition(state.position)}`).toEqual([])
  return state
}

export function findBroken(state: StoreState): BrokenInvariant[] {
  const broken: BrokenInvariant[] = []
  for (const [name, judge] of Object.entries(invariants)) {
    const findings = judge(state)
    if (findings.length === 0) continue
    const rest = findings.length - findingsShown
    const shown = findings.slice(0, findingsShown)
    if (rest > 0) shown.push(`and ${rest} more`)
    broken.push({ invariant: name as InvariantName, findings: shown })
  }
  return broken
}

const findingsShown = 5

/** All that Redis and MySQL hold of a store at one position. */
export interface StoreState {
  position: Position
  /** Redis' clock. */
  nowMs: number
  retentionMs: number
  redis: {
    counts: Map<string, Counts>
    skus: string[]
    reservations: Map<string, Reservation>
    /** Idempotency key -> id. */
    keys: Map<string, string>
    deadlines: Map<string, number>
    finished: Map<string, number>
  }
  mysql: {
    counts: Map<string, Counts>
    reservations: Map<string, Reservation>
    ledger: Entry[]
  }
}

interface Entry {
  position: Position
  kind: EntryKind
  occurredAtMs: number
  reservationId: string | undefined
  lines: (Counts & { line: number; sku: string; quantity: number })[]
}

/**
 * Reads a store at a position that both Redis and MySQL have reached. A store that still changes is
 * read again.
 */
export async function readStore(store: ObservedStore, timeoutMs = 30_000): Promise<StoreState> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const redis = await readRedis(store)
    await eventually(
      async () => comparesWith(await watermark(store), redis.position) >= 0,
      `MySQL holds the ledger of ${store.name} up to ${formatPosition(redis.position)}`,
      Math.max(1, deadline - Date.now()),
    )
    const mysql = await readMysql(store)
    if (comparesWith(await watermark(store), redis.position) === 0) {
      const { position, nowMs, ...kept } = redis
      return { position, nowMs, retentionMs: store.config.retentionSeconds * 1000, redis: kept, mysql }
    }
  }
}

function comparesWith(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.sequence - b.sequence
}

async function storeRow(store: ObservedStore) {
  return store.database.store.findUniqueOrThrow({ where: { name: store.name } })
}

/** The position up to which MySQL holds everything, as MySQL says. */
export async function watermark(store: ObservedStore): Promise<Position> {
  const { epoch, sequence } = await storeRow(store)
  return { epoch, sequence: Number(sequence) }
}

async function readRedis({ redis, keys }: ObservedStore) {
  // One transaction, so that it is the state at one position.
  const replies = await redis
    .multi()
    .hmget(keys.position, 'epoch', 'sequence')
    .time()
    .hgetall(keys.stock)
    .zrange(keys.skus, '0', '-1')
    .hgetall(keys.reservations)
    .hgetall(keys.keys)
    .zrange(keys.deadlines, '0', '-1', 'WITHSCORES')
    .zrange(keys.finished, '0', '-1', 'WITHSCORES')
    .exec()
  const [position, time, stock, skus, records, idempotencyKeys, deadlines, finished] = (replies ?? []).map(
    ([error, reply]) => {
      if (error) throw error
      return reply
    },
  ) as [
    string[],
    [number, number],
    Record<string, string>,
    string[],
    Record<string, string>,
    Record<string, string>,
    string[],
    string[],
  ]
  return {
    position: { epoch: Number(position[0]), sequence: Number(position[1]) },
    nowMs: Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000),
    counts: new Map(Object.entries(stock).map(([sku, text]) => [sku, readCounts(text)])),
    skus,
    reservations: new Map(Object.entries(records).map(([id, record]) => [id, readRecord(id, record)])),
    keys: new Map(Object.entries(idempotencyKeys)),
    deadlines: readScores(deadlines),
    finished: readScores(finished),
  }
}

/** Unlike the service's own reader it takes a negative count, which must be found and not thrown. */
function readCounts(text: string): Counts {
  const [available = Number.NaN, held = Number.NaN, sold = Number.NaN] = text.split(' ').map(Number)
  return { available, held, sold }
}

function readRecord(id: string, record: string): Reservation {
  const reservation = parseRecord(id, record)
  if (!reservation) throw new Error(`the record of ${id} in Redis is malformed: ${record}`)
  return reservation
}

function readScores(reply: readonly string[]): Map<string, number> {
  const scores = new Map<string, number>()
  for (let i = 0; i < reply.length; i += 2) scores.set(reply[i] as string, Number(reply[i + 1]))
  return scores
}

async function readMysql(store: ObservedStore): Promise<StoreState['mysql']> {
  const { database } = store
  const { id: storeId } = await storeRow(store)
  const stock = await database.stock.findMany({ where: { storeId } })
  const reservations = await database.reservation.findMany({ where: { storeId } })
  const lines = await database.ledgerLine.findMany({
    where: { storeId },
    orderBy: [{ epoch: 'asc' }, { sequence: 'asc' }, { line: 'asc' }],
  })
  const ledger: Entry[] = []
  for (const row of lines) {
    const position = { epoch: row.epoch, sequence: Number(row.sequence) }
    let entry = ledger.at(-1)
    if (!entry || comparesWith(entry.position, position) !== 0) {
      entry = {
        position,
        kind: row.kind as EntryKind,
        occurredAtMs: row.occurredAt.getTime(),
        reservationId: row.reservationId ?? undefined,
        lines: [],
      }
      ledger.push(entry)
    }
    entry.lines.push({ line: row.line, sku: row.sku, quantity: Number(row.quantity), ...asCounts(row) })
  }
  return {
    counts: new Map(stock.map((row) => [row.sku, asCounts(row)])),
    reservations: new Map(
      reservations.map((row) => [
        row.id,
        {
          id: row.id,
          state: row.state,
          position: { epoch: row.epoch, sequence: Number(row.sequence) },
          createdAtMs: row.createdAt.getTime(),
          expiresAtMs: row.expiresAt.getTime(),
          closedAtMs: row.closedAt?.getTime(),
          reacquired: row.reacquired,
          paymentRef: row.paymentRef ?? undefined,
          idempotencyKey: row.idempotencyKey ?? undefined,
          ttlSeconds: row.ttlSeconds,
          lines: parseLines(row.lines) ?? [],
          customerId: row.customerId,
          orderId: row.orderId ?? undefined,
        },
      ]),
    ),
    ledger,
  }
}

function asCounts(row: { available: bigint; held: bigint; sold: bigint }): Counts {
  return { available: Number(row.available), held: Number(row.held), sold: Number(row.sold) }
}

/** Each returns a sentence for every place where it does not hold. */
const invariants = {
  'no count is negative': ({ redis, mysql }) => {
    const findings: string[] = []
    for (const [place, counts] of [
      ['Redis', redis.counts],
      ['MySQL', mysql.counts],
    ] as const) {
      for (const [sku, { available, held, sold }] of counts) {
        if (!(available >= 0 && held >= 0 && sold >= 0)) {
          findings.push(`${place} has ${sku} at ${available} ${held} ${sold}`)
        }
      }
    }
    return findings
  },

  'units come and go by stock entries alone': ({ redis, mysql }) => {
    const logged = new Map<string, number>()
    for (const { kind, lines } of mysql.ledger) {
      if (kind !== 'set' && kind !== 'adjust') continue
      for (const { sku, quantity } of lines) logged.set(sku, (logged.get(sku) ?? 0) + quantity)
    }
    return compareMaps('units', logged, mapValues(redis.counts, total), 'the ledger', 'Redis', String)
  },

  'held units are those of held reservations': (state) =>
    compareUnits(state, 'held', (reservation) => reservation.state === 'held'),

  'sold units are those of confirmed reservations': (state) =>
    compareUnits(state, 'sold', (reservation) => reservation.state === 'confirmed'),

  'the deadlines are those of held reservations': ({ redis }) => {
    const held = [...redis.reservations.values()].filter(({ state }) => state === 'held')
    const wanted = new Map(held.map(({ id, expiresAtMs }) => [id, expiresAtMs]))
    return compareMaps('the deadline', wanted, redis.deadlines, 'the records', 'the set', String)
  },

  'the finished are the ended reservations': ({ redis }) => {
    const ended = [...redis.reservations.values()].filter(({ state }) => state !== 'held')
    const wanted = new Map(ended.map(({ id, closedAtMs }) => [id, closedAtMs ?? Number.NaN]))
    return compareMaps('the end', wanted, redis.finished, 'the records', 'the set', String)
  },

  'every SKU is listed': ({ redis }) =>
    compareMaps(
      'being listed',
      mapValues(redis.counts, () => true),
      new Map(redis.skus.map((sku) => [sku, true])),
      'the counts',
      'the list',
      String,
    ),

  'a reservation ends once': ({ mysql }) => {
    const findings: string[] = []
    for (const [id, entries] of entriesByReservation(mysql.ledger)) {
      const kinds = entries.map(({ kind }) => kind).join(' ')
      const { state } = mysql.reservations.get(id) ?? {}
      if (!state || !lifeOf[state].test(kinds)) findings.push(`${id} is ${state} after: ${kinds}`)
    }
    return findings
  },

  'a reservation moves its own units': ({ mysql }) => {
    const findings: string[] = []
    const byReservation = entriesByReservation(mysql.ledger)
    for (const { id, lines } of mysql.reservations.values()) {
      for (const entry of byReservation.get(id) ?? []) {
        const moved = formatLines(entry.lines)
        if (moved !== formatLines(lines)) {
          findings.push(`${at(entry)} moves ${moved}, and ${id} is of ${formatLines(lines)}`)
        }
      }
    }
    return findings
  },

  'a payment comes before the deadline and an expiry does not': ({ mysql }) => {
    const findings: string[] = []
    for (const {
      id,
      state,
      closedAtMs = Number.NaN,
      expiresAtMs,
      reacquired,
    } of mysql.reservations.values()) {
      if (state === 'held') continue
      const late = closedAtMs >= expiresAtMs
      if (late !== (state === 'expired' || reacquired)) {
        findings.push(`${id} is ${state} ${closedAtMs - expiresAtMs} ms after its deadline`)
      }
    }
    return findings
  },

  'an idempotency key has one reservation': ({ redis }) => {
    const wanted = new Map<string, string>()
    const findings: string[] = []
    for (const { id, idempotencyKey } of redis.reservations.values()) {
      if (idempotencyKey === undefined) continue
      const other = wanted.get(idempotencyKey)
      if (other !== undefined) findings.push(`${idempotencyKey} made ${other} and ${id}`)
      else wanted.set(idempotencyKey, id)
    }
    if (findings.length > 0) return findings
    return compareMaps('the reservation', wanted, redis.keys, 'the records', 'the keys', String)
  },

  'the ledger is dense': ({ mysql, position }) => {
    const findings: string[] = []
    let before: Position = { epoch: 0, sequence: 0 }
    for (const entry of mysql.ledger) {
      const { epoch, sequence } = entry.position
      if (sequence !== before.sequence + 1 || epoch < before.epoch) {
        findings.push(`${formatPosition(entry.position)} follows ${formatPosition(before)}`)
      }
      if (entry.lines.some(({ line }, index) => line !== index)) findings.push(`${at(entry)} lacks a line`)
      before = entry.position
    }
    // A restore begins an epoch at the sequence where MySQL stands, and may have no entry of it yet.
    if (before.sequence !== position.sequence || before.epoch > position.epoch) {
      findings.push(`it ends at ${formatPosition(before)} and Redis is at ${formatPosition(position)}`)
    }
    return findings
  },

  'each ledger line tells the counts right after it': ({ mysql }) => {
    const findings: string[] = []
    fold(mysql.ledger, (entry, line, folded) => {
      if (!sameCounts(line, folded)) {
        findings.push(`${at(entry)} tells ${line.sku} ${formatCounts(line)}, not ${formatCounts(folded)}`)
      }
    })
    return findings
  },

  'the stock in MySQL is the fold of the ledger': ({ mysql }) =>
    compareMaps('stock', fold(mysql.ledger), mysql.counts, 'the fold', 'MySQL', formatCounts),

  'the stock in Redis is the stock in MySQL': ({ redis, mysql }) =>
    compareMaps('stock', mysql.counts, redis.counts, 'MySQL', 'Redis', formatCounts),

  'the reservations in Redis are those in MySQL': ({ redis, mysql }) => {
    const { inRedis, inMysql } = reservationsInBoth(redis.reservations, mysql.reservations)
    return compareMaps('the reservation', inMysql, inRedis, 'MySQL', 'Redis', (reservation) =>
      JSON.stringify({ ...reservation, createdAtMs: 0, expiresAtMs: 0, closedAtMs: 0 }),
    )
  },

  'the times in Redis are those in MySQL and of the entries': ({ redis, mysql }) => {
    const { inRedis, inMysql } = reservationsInBoth(redis.reservations, mysql.reservations)
    const findings = compareMaps('the times', inMysql, inRedis, 'MySQL', 'Redis', timesOf)
    const byReservation = entriesByReservation(mysql.ledger)
    for (const reservation of mysql.reservations.values()) {
      const entries = byReservation.get(reservation.id) ?? []
      const ended = reservation.state === 'held' ? undefined : entries.at(-1)?.occurredAtMs
      const { createdAtMs, closedAtMs } = reservation
      if (createdAtMs !== entries[0]?.occurredAtMs || closedAtMs !== ended) {
        findings.push(`${timesOf(reservation)} of ${reservation.id} are not of its entries`)
      }
    }
    return findings
  },

  'only what ended long ago has left Redis': ({ redis, mysql, nowMs, retentionMs }) => {
    const findings: string[] = []
    for (const { id, state, closedAtMs = Number.NaN } of mysql.reservations.values()) {
      if (redis.reservations.has(id)) continue
      if (state === 'held' || !(nowMs - closedAtMs >= retentionMs)) {
        findings.push(`${id}, ${state}, left ${nowMs - closedAtMs} ms after its end`)
      }
    }
    return findings
  },
} as const satisfies Record<string, (state: StoreState) => string[]>

export const invariantNames = Object.keys(invariants) as InvariantName[]

/** What the kinds of a reservation's entries must look like when it ends in each state. */
const lifeOf = {
  held: /^reserve( extend)*$/,
  confirmed: /^reserve( extend)*( confirm| expire reacquire)$/,
  released: /^reserve( extend)* release$/,
  expired: /^reserve( extend)* expire$/,
} as const satisfies Record<Reservation['state'], RegExp>

/** Sums a count from the entries alone. */
function fold(
  ledger: readonly Entry[],
  look: (entry: Entry, line: Entry['lines'][number], folded: Counts) => void = () => {},
): Map<string, Counts> {
  const counts = new Map<string, Counts>()
  for (const entry of ledger) {
    const signs = entryKinds[entry.kind]
    for (const line of entry.lines) {
      const before = counts.get(line.sku) ?? { available: 0, held: 0, sold: 0 }
      const after = {
        available: before.available + signs.available * line.quantity,
        held: before.held + signs.held * line.quantity,
        sold: before.sold + signs.sold * line.quantity,
      }
      counts.set(line.sku, after)
      look(entry, line, after)
    }
  }
  return counts
}

function compareUnits(
  { redis, mysql }: StoreState,
  count: 'held' | 'sold',
  belongs: (reservation: Reservation) => boolean,
): string[] {
  // What Redis has forgotten it still counts as sold.
  const all = new Map([...mysql.reservations, ...redis.reservations])
  return [
    ...compareMaps(count, sum(all, belongs), nonzero(redis.counts, count), 'records', 'Redis', String),
    ...compareMaps(
      count,
      sum(mysql.reservations, belongs),
      nonzero(mysql.counts, count),
      'rows',
      'MySQL',
      String,
    ),
  ]
}

function sum(
  reservations: ReadonlyMap<string, Reservation>,
  belongs: (reservation: Reservation) => boolean,
): Map<string, number> {
  const units = new Map<string, number>()
  for (const reservation of reservations.values()) {
    if (!belongs(reservation)) continue
    for (const { sku, quantity } of reservation.lines) units.set(sku, (units.get(sku) ?? 0) + quantity)
  }
  return units
}

function nonzero(counts: ReadonlyMap<string, Counts>, count: keyof Counts): Map<string, number> {
  const units = [...counts].map(([sku, found]) => [sku, found[count]] as const)
  return new Map(units.filter(([, number]) => number !== 0))
}

function entriesByReservation(ledger: readonly Entry[]): Map<string, Entry[]> {
  const byReservation = new Map<string, Entry[]>()
  for (const entry of ledger) {
    if (entry.reservationId === undefined) continue
    const entries = byReservation.get(entry.reservationId)
    if (entries) entries.push(entry)
    else byReservation.set(entry.reservationId, [entry])
  }
  return byReservation
}

/** Without those that Redis has forgotten; an invariant of its own says which it may. */
function reservationsInBoth(
  inRedis: Map<string, Reservation>,
  inMysql: Map<string, Reservation>,
): { inRedis: Map<string, Reservation>; inMysql: Map<string, Reservation> } {
  const kept = [...inMysql].filter(([id]) => inRedis.has(id))
  return { inRedis, inMysql: new Map(kept) }
}

function compareMaps<T>(
  what: string,
  wanted: ReadonlyMap<string, T>,
  found: ReadonlyMap<string, T>,
  wantedPlace: string,
  foundPlace: string,
  format: (value: T) => string,
): string[] {
  const findings: string[] = []
  for (const name of new Set([...wanted.keys(), ...found.keys()])) {
    const [a, b] = [wanted, found].map((map) => (map.has(name) ? format(map.get(name) as T) : 'nothing'))
    if (a !== b) findings.push(`${what} of ${name}: ${wantedPlace} ${a}, ${foundPlace} ${b}`)
  }
  return findings
}

function mapValues<A, B>(map: ReadonlyMap<string, A>, change: (value: A) => B): Map<string, B> {
  return new Map([...map].map(([name, value]) => [name, change(value)]))
}

function total({ available, held, sold }: Counts): number {
  return available + held + sold
}

function sameCounts(a: Counts, b: Counts): boolean {
  return formatCounts(a) === formatCounts(b)
}

function formatCounts({ available, held, sold }: Counts): string {
  return `${available} ${held} ${sold}`
}

function timesOf({ createdAtMs, expiresAtMs, closedAtMs }: Reservation): string {
  return `${createdAtMs} ${expiresAtMs} ${closedAtMs}`
}

function at(entry: Entry): string {
  return `${entry.kind} at ${formatPosition(entry.position)}`
}
