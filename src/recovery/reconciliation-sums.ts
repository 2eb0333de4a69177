import type { Drift } from '../domain/reconciliation.js'
import type { ReservationRecord } from '../domain/reservation.js'
import type { LedgerPages } from '../ledger/ledger-pages.js'
import { readUnfoundedReservations } from '../ledger/reconciliation-queries.js'
import type { ReconciliationRun } from './reconciliation-run.js'
import { UnitSums } from './unit-sums.js'

/** SKUs whose reservations are searched for the cause. */
const searchedMax = 20
/** Reservations that a cause names. */
const namedMax = 3

/** Fields of a record before its lines. */
const fieldsBeforeLines = 9

/** Adds an open reservation to the sums of its SKUs. */
export function addOpen(sums: UnitSums, { record }: ReservationRecord): void {
  // What is open is held, or its row is damaged.
  const count = record.startsWith('held\t') ? 'held' : record.startsWith('confirmed\t') ? 'sold' : undefined
  if (!count) return
  // A split would make texts of all fields, a million times.
  let start = 0
  for (let i = 0; i < fieldsBeforeLines; i++) start = record.indexOf('\t', start) + 1
  const end = record.indexOf('\t', start)
  sums.add(count, end === -1 ? record.slice(start) : record.slice(start, end))
}

/** Adds up all open reservations. */
export async function sumOpen(run: ReconciliationRun, pages: LedgerPages): Promise<UnitSums> {
  const sums = new UnitSums()
  for await (const rows of pages.openReservations()) {
    await run.beat()
    for (const row of rows) addOpen(sums, row)
  }
  return sums
}

/**
 * Checks in MySQL that held is the sum of the held reservations and sold that of the confirmed ones.
 * With Redis' counts and reservations equal to MySQL's, it follows for Redis too.
 *
 * It is never repaired by itself: it follows from rows, and those are.
 *
 * @param pages of one moment.
 * @param sums of what was open then; those of what had ended are added.
 */
export async function reconcileSums(
  run: ReconciliationRun,
  pages: LedgerPages,
  sums: UnitSums,
): Promise<void> {
  for await (const rows of pages.endedLines()) {
    await run.beat()
    for (const { count, lines } of rows) sums.add(count, lines)
  }
  let searched = 0
  const compare = async (sku: string, row: Units | undefined) => {
    const units = sums.take(sku)
    for (const field of ['held', 'sold'] as const) {
      if (units[field] === (row?.[field] ?? 0)) continue
      if (run.findings.knows({ sku, field }) || run.findings.knows({ sku, field: 'counts' })) continue
      const cause = searched++ < searchedMax ? await findCause(run, sku) : 'Not looked into.'
      run.findings.add([describe(sku, field, units, row, cause, run.corrections !== undefined)])
    }
  }
  for await (const rows of pages.skuUnits()) {
    await run.beat()
    for (const row of rows) await compare(row.sku, row)
  }
  for (const sku of sums.skus()) await compare(sku, undefined)
}

type Units = Record<'held' | 'sold', number>

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
