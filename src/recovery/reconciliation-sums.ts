import type { Drift } from '../domain/reconciliation.js'
import { LedgerPages } from '../ledger/ledger-pages.js'
import { readUnfoundedReservations } from '../ledger/reconciliation-queries.js'
import type { ReconciliationRun } from './reconciliation-run.js'
import { UnitSums } from './unit-sums.js'

/** SKUs whose reservations are searched for the cause. */
const searchedMax = 20
/** Reservations that a cause names. */
const namedMax = 3

/** A SKU whose row in MySQL does not say what its reservations add up to. */
interface UnequalSku {
  sku: string
  units: Units
  row: Units | undefined
}

type Units = Record<'held' | 'sold', number>

/**
 * Checks in MySQL that held is the sum of the held reservations and sold that of the confirmed ones.
 * With Redis' counts and reservations equal to MySQL's, it follows for Redis too.
 *
 * It is never repaired by itself: it follows from rows, and those are.
 */
export async function reconcileSums(run: ReconciliationRun): Promise<void> {
  const { pageRows, sumMs } = run.settings
  const unequal = await LedgerPages.ofOneMoment(run.ledger, pageRows, sumMs, (pages) => addUp(run, pages))
  let searched = 0
  for (const { sku, units, row } of unequal) {
    for (const field of ['held', 'sold'] as const) {
      if (units[field] === (row?.[field] ?? 0)) continue
      if (run.findings.leaves({ sku, field }) || run.findings.leaves({ sku, field: 'counts' })) continue
      const cause = searched++ < searchedMax ? await findCause(run, sku) : 'Not looked into.'
      run.findings.add([describe(sku, field, units, row, cause, run.corrections !== undefined)])
    }
  }
}

async function addUp(run: ReconciliationRun, pages: LedgerPages): Promise<UnequalSku[]> {
  const sums = new UnitSums()
  for await (const rows of pages.countedLines()) {
    await run.beat()
    for (const { count, lines } of rows) sums.add(count, lines)
  }
  const unequal: UnequalSku[] = []
  for await (const rows of pages.skuUnits()) {
    await run.beat()
    for (const row of rows) {
      const units = sums.take(row.sku)
      if (units.held !== row.held || units.sold !== row.sold) unequal.push({ sku: row.sku, units, row })
    }
  }
  for (const sku of sums.skus()) unequal.push({ sku, units: sums.take(sku), row: undefined })
  return unequal
}

function describe(
  sku: string,
  field: 'held' | 'sold',
  units: Units,
  row: Units | undefined,
  cause: string,
  repair: boolean,
): Drift {
  return {
    sku,
    field,
    redis: null,
    mysql: row?.[field] ?? null,
    expected: units[field],
    cause: `The reservations in MySQL add up to ${units[field]}. ${cause}`,
    repaired: false,
    ...(repair && {
      unrepaired: "MySQL's rows of reservations that Redis has forgotten are in no other place",
    }),
  }
}

async function findCause(run: ReconciliationRun, sku: string): Promise<string> {
  const unfounded = await readUnfoundedReservations(run.ledger, sku, namedMax)
  if (unfounded.length === 0) return 'The lines of one of them were changed in MySQL outside Holdfast.'
  return unfounded
    .map(({ id, state, expected }) =>
      state === undefined
        ? `The row of reservation ${id} was deleted from MySQL outside Holdfast; the ledger has it ${expected}.`
        : `The row of reservation ${id} was changed in MySQL outside Holdfast: it is ${state}, the ledger has it ${expected}.`,
    )
    .join(' ')
}
