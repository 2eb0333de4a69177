import type { Counts } from '../domain/stock.js'
import type { HoldfastFacts } from './holdfast-facts.js'
import { sumUnits } from './sale-outcome.js'
import type { SaleItem } from './sale-plan.js'

/** Exit statuses of the demonstration. */
const fine = 0
const faulty = 1

/** How Redis and MySQL differ, as sentences; none when they are equal. */
export function findDifferences(
  items: readonly SaleItem[],
  facts: Pick<HoldfastFacts, 'settled' | 'redis' | 'mysql' | 'ledgerFold'>,
): string[] {
  const differences = facts.settled ? [] : ['MySQL does not hold the whole ledger, or units are still held.']
  for (const { sku, units } of items) {
    const inRedis = formatCounts(facts.redis.get(sku))
    const inMysql = formatCounts(facts.mysql.get(sku))
    const folded = formatCounts(facts.ledgerFold.get(sku))
    if (inRedis !== inMysql) differences.push(`${sku}: Redis has ${inRedis}, MySQL has ${inMysql}.`)
    if (folded !== inMysql) differences.push(`${sku}: the ledger adds up to ${folded}, MySQL has ${inMysql}.`)
    const counts = facts.redis.get(sku)
    const sum = counts ? counts.available + counts.held + counts.sold : 0
    if (sum !== units)
      differences.push(`${sku}: ${units} units were put on sale and ${sum} are accounted for.`)
  }
  return differences
}

/** How Holdfast broke its word, as sentences; none when it kept it. */
export function findBreaches(
  items: readonly SaleItem[],
  facts: Pick<HoldfastFacts, 'redis' | 'orders' | 'duplicates'>,
  unitsPromised: ReadonlyMap<string, number>,
): string[] {
  const breaches: string[] = []
  const confirmed = sumUnits(facts.orders)
  for (const { sku, units } of items) {
    const sold = confirmed.get(sku) ?? 0
    const counted = facts.redis.get(sku)?.sold ?? 0
    const promised = unitsPromised.get(sku) ?? 0
    if (sold > units) breaches.push(`${sku}: ${sold} of ${units} units are sold.`)
    if (sold !== counted)
      breaches.push(`${sku}: orders hold ${sold} units and ${counted} are counted as sold.`)
    if (sold !== promised)
      breaches.push(`${sku}: customers were promised ${promised} units, orders hold ${sold}.`)
  }
  if (facts.duplicates > 0) breaches.push(`${facts.duplicates} idempotency keys had a second effect.`)
  return breaches
}

/** @returns the exit status that tells a machine what the table tells a person. */
export function judge(holdfast: {
  unitsOversold: number
  differences: readonly string[]
  breaches: readonly string[]
}): number {
  const { unitsOversold, differences, breaches } = holdfast
  return unitsOversold === 0 && differences.length === 0 && breaches.length === 0 ? fine : faulty
}

function formatCounts(counts: Counts | undefined): string {
  return counts ? `${counts.available} available, ${counts.held} held, ${counts.sold} sold` : 'nothing'
}
