import { Redis } from 'ioredis'
import { entryKinds } from '#product/domain/ledger-entry.js'
import { type Counts, parseCounts } from '#product/domain/stock.js'
import { openDatabase } from '#product/ledger/database.js'
import { storeKeys } from '#product/stock/keys.js'
import { type LoadResult, unsureAnswers } from './load/load-spec.js'

/** The service broke a promise: no figure of this run is worth printing. */
export class InvariantError extends Error {}

export interface Expected {
  redisUrl: string
  databaseUrl: string
  /** How many SKUs there are, by the part before their number, and what each was given. */
  shelves: Readonly<Record<string, { skus: number; units: number }>>
  /** All loads there were, but for the holds below. */
  loads: readonly LoadResult[]
  /** Further holds that were acknowledged. */
  otherHolds?: number
}

const namedMax = 5

/**
 * Compares everything with everything, once MySQL holds the whole ledger: no count below zero, no SKU
 * missing, no unit made or lost, Redis equal to MySQL, both equal to the fold of the ledger, and as
 * many holds, payments and cancellations in it as were acknowledged. Only a request that was told to
 * repeat or told nothing may have taken effect or not.
 *
 * @throws InvariantError that names what differs.
 */
export async function checkInvariants(expected: Expected): Promise<void> {
  const redis = new Redis(expected.redisUrl)
  const options = { connectionsMax: 1, connectTimeoutMs: 10_000, isPatient: true }
  const database = openDatabase(expected.databaseUrl, options)
  try {
    const keys = storeKeys('main')
    const counts = readRedisCounts(await redis.hgetall(keys.stock))
    const stock = await database.$queryRawUnsafe<StockRow[]>('SELECT sku, available, held, sold FROM stock')
    const sums = await database.$queryRawUnsafe<FoldRow[]>(
      'SELECT sku, kind, SUM(quantity) AS quantity, COUNT(*) AS entries FROM ledger GROUP BY sku, kind',
    )
    const states = await database.$queryRawUnsafe<{ state: string; count: bigint }[]>(
      'SELECT state, COUNT(*) AS count FROM reservations GROUP BY state',
    )
    const reservations = new Map(states.map(({ state, count }) => [state, Number(count)]))
    const wrong = [
      ...compareWithShelves(counts, expected.shelves),
      ...compareCounts('MySQL', counts, countsOf(stock)),
      ...compareCounts('the fold of the ledger', counts, fold(sums)),
      ...compareAnswers(reservations, expected),
    ]
    const deadlines = await redis.zcard(keys.deadlines)
    const open = reservations.get('held') ?? 0
    if (deadlines !== open) wrong.push(`Redis has ${deadlines} deadlines and MySQL ${open} reservations held`)
    if (wrong.length === 0) return
    const more = wrong.length > namedMax ? ` and ${wrong.length - namedMax} more` : ''
    throw new InvariantError(`${wrong.slice(0, namedMax).join('; ')}${more}`)
  } finally {
    redis.disconnect()
    await database.$disconnect()
  }
}

type AllCounts = Map<string, Counts>
interface StockRow {
  sku: string
  available: bigint
  held: bigint
  sold: bigint
}
interface FoldRow {
  sku: string
  kind: string
  quantity: unknown
  entries: bigint
}

function readRedisCounts(hash: Readonly<Record<string, string>>): AllCounts {
  const counts: AllCounts = new Map()
  for (const [sku, text] of Object.entries(hash)) {
    const parsed = parseCounts(text)
    if (!parsed) throw new InvariantError(`Redis has "${text}" for ${sku}: below zero, or not counts`)
    counts.set(sku, parsed)
  }
  return counts
}

function countsOf(rows: readonly StockRow[]): AllCounts {
  return new Map(
    rows.map(({ sku, available, held, sold }) => [
      sku,
      { available: Number(available), held: Number(held), sold: Number(sold) },
    ]),
  )
}

function fold(rows: readonly FoldRow[]): AllCounts {
  const counts: AllCounts = new Map()
  for (const { sku, kind, quantity } of rows) {
    const signs = entryKinds[kind as keyof typeof entryKinds]
    if (!signs) throw new InvariantError(`the ledger has entries of the unknown kind ${kind}`)
    const sum = counts.get(sku) ?? { available: 0, held: 0, sold: 0 }
    counts.set(sku, {
      available: sum.available + signs.available * Number(quantity),
      held: sum.held + signs.held * Number(quantity),
      sold: sum.sold + signs.sold * Number(quantity),
    })
  }
  return counts
}

function compareWithShelves(counts: AllCounts, shelves: Expected['shelves']): string[] {
  const wrong: string[] = []
  const found = new Map<string, number>()
  for (const [sku, { available, held, sold }] of counts) {
    const prefix = sku.slice(0, sku.lastIndexOf('-'))
    found.set(prefix, (found.get(prefix) ?? 0) + 1)
    const units = shelves[prefix]?.units
    if (available + held + sold !== units) {
      wrong.push(`${sku} had ${units} units and has ${available} + ${held} + ${sold}`)
    }
  }
  for (const [prefix, { skus }] of Object.entries(shelves)) {
    if (found.get(prefix) !== skus) wrong.push(`of ${skus} SKUs ${prefix}-* there are ${found.get(prefix)}`)
  }
  return wrong
}

function compareCounts(other: string, counts: AllCounts, others: AllCounts): string[] {
  const wrong: string[] = []
  for (const sku of new Set([...counts.keys(), ...others.keys()])) {
    const [a, b] = [text(counts.get(sku)), text(others.get(sku))]
    if (a !== b) wrong.push(`${sku} is ${a} in Redis and ${b} in ${other}`)
  }
  return wrong
}

function text(counts: Counts | undefined): string {
  return counts ? `${counts.available} ${counts.held} ${counts.sold}` : 'absent'
}

function compareAnswers(reservations: Map<string, number>, { loads, otherHolds = 0 }: Expected): string[] {
  const sum = (figure: (load: LoadResult) => number) => loads.reduce((total, load) => total + figure(load), 0)
  const unsure = sum(unsureAnswers)
  const made = [...reservations.values()].reduce((total, count) => total + count, 0)
  const compared = [
    ['holds', made, otherHolds + sum(({ accepted }) => accepted.count)],
    ['payments', reservations.get('confirmed') ?? 0, sum(({ confirmed }) => confirmed)],
    ['cancellations', reservations.get('released') ?? 0, sum(({ released }) => released)],
  ] as const
  return compared.flatMap(([what, found, told]) =>
    found >= told && found <= told + unsure
      ? []
      : [`${told} ${what} were acknowledged, and MySQL has ${found}`],
  )
}
