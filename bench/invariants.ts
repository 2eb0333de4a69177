import { Redis } from 'ioredis'
import { entryKinds } from '#product/domain/ledger-entry.js'
import { type Counts, parseCounts } from '#product/domain/stock.js'
import { openDatabase } from '#product/ledger/database.js'
import { storeKeys } from '#product/stock/keys.js'

/** The service broke a promise: no figure of this run is worth printing. */
export class InvariantError extends Error {}

export interface Expected {
  redisUrl: string
  databaseUrl: string
  /** What was put on the shelves, by the part of the SKU before its number. */
  unitsByPrefix: Readonly<Record<string, number>>
  /** Holds that were answered 201. */
  acceptedHolds: number
  /** Requests whose answer was not waited for when a load ended: they may have held or not. */
  unansweredMax: number
}

const namedMax = 5

/**
 * Compares everything with everything, once MySQL holds the whole ledger: no count below zero, no
 * unit made or lost, Redis equal to MySQL, both equal to the fold of the ledger, and as many holds in
 * it as were acknowledged.
 *
 * @throws InvariantError that names what differs.
 */
export async function checkInvariants(expected: Expected): Promise<void> {
  const redis = new Redis(expected.redisUrl)
  const database = openDatabase(expected.databaseUrl, { connectionsMax: 1, connectTimeoutMs: 10_000 })
  try {
    const keys = storeKeys('main')
    const counts = readRedisCounts(await redis.hgetall(keys.stock))
    const stock = await database.$queryRawUnsafe<StockRow[]>('SELECT sku, available, held, sold FROM stock')
    const sums = await database.$queryRawUnsafe<FoldRow[]>(
      'SELECT sku, kind, SUM(quantity) AS quantity, COUNT(*) AS entries FROM ledger GROUP BY sku, kind',
    )
    const [open] = await database.$queryRawUnsafe<{ held: bigint }[]>(
      "SELECT COUNT(*) AS held FROM reservations WHERE state = 'held'",
    )
    const [holds] = await database.$queryRawUnsafe<{ made: bigint }[]>(
      'SELECT COUNT(*) AS made FROM reservations',
    )
    const wrong = [
      ...compareWithShelves(counts, expected.unitsByPrefix),
      ...compareCounts('MySQL', counts, countsOf(stock)),
      ...compareCounts('the fold of the ledger', counts, fold(sums)),
      ...compareHolds(Number(holds?.made ?? 0), expected),
    ]
    const deadlines = await redis.zcard(keys.deadlines)
    if (deadlines !== Number(open?.held ?? 0)) {
      wrong.push(`Redis has ${deadlines} deadlines and MySQL ${open?.held} reservations held`)
    }
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

function compareWithShelves(counts: AllCounts, unitsByPrefix: Readonly<Record<string, number>>): string[] {
  const wrong: string[] = []
  for (const [sku, { available, held, sold }] of counts) {
    const units = unitsByPrefix[sku.slice(0, sku.lastIndexOf('-'))]
    if (units === undefined) wrong.push(`${sku} was never put on a shelf`)
    else if (available + held + sold !== units) {
      wrong.push(`${sku} had ${units} units and has ${available} + ${held} + ${sold}`)
    }
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

function compareHolds(made: number, { acceptedHolds, unansweredMax }: Expected): string[] {
  if (made >= acceptedHolds && made <= acceptedHolds + unansweredMax) return []
  return [`${acceptedHolds} holds were acknowledged, and MySQL has ${made}`]
}
