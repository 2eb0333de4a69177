import type { Drift } from '../domain/reconciliation.js'
import {
  readUnfoundedReservations,
  sumReservations,
  type UnitSums,
} from '../ledger/reconciliation-queries.js'
import type { ReconciliationRun } from './reconciliation-run.js'

/** SKUs whose reservations are searched for the cause. */
const searchedMax = 20
/** Reservations that a cause names. */
const namedMax = 3

/**
 * Checks in MySQL that held is the sum of the held reservations and sold that of the confirmed ones.
 * With Redis' counts and reservations equal to MySQL's, it follows for Redis too.
 *
 * It is never repaired by itself: it follows from rows, and those are.
 */
export async function reconcileSums(run: ReconciliationRun): Promise<void> {
  const { pageRows, sumMs } = run.settings
  const sums = await sumReservations(run.ledger, { pageRows, timeoutMs: sumMs }, run.beat)
  let searched = 0
  for (const [sku, units] of sums) {
    for (const field of ['held', 'sold'] as const) {
      if (units[field] === (units.row?.[field] ?? 0)) continue
      if (run.findings.knows({ sku, field }) || run.findings.knows({ sku, field: 'counts' })) continue
      const cause = searched++ < searchedMax ? await findCause(run, sku) : 'Not looked into.'
      run.findings.add([describe(sku, field, units, cause, run.corrections !== undefined)])
    }
  }
}

function describe(
  sku: string,
  field: 'held' | 'sold',
  units: UnitSums,
  cause: string,
  repair: boolean,
): Drift {
  return {
    sku,
    field,
    redis: null,
    mysql: units.row?.[field] ?? null,
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
