import type { Drift, Reconciliation, ReconciliationReport } from '../domain/reconciliation.js'
import type { Reconciliation as ReconciliationRow } from './prisma-client/client.js'
import type { StoreLedger } from './store-ledger.js'

/** The reports of a store's reconciliations in MySQL. */

/** Keeps a report. @returns it with its id. */
export async function saveReport(ledger: StoreLedger, found: Reconciliation): Promise<ReconciliationReport> {
  const { id } = await ledger.database.reconciliation.create({
    data: {
      storeId: await ledger.storeId(),
      epoch: found.position.epoch,
      sequence: found.position.sequence,
      startedAt: new Date(found.startedAtMs),
      tookMs: found.tookMs,
      repair: found.repair,
      complete: found.complete,
      skusChecked: found.checked.skus,
      reservationsChecked: found.checked.reservations,
      driftedTotal: found.driftedTotal,
      repaired: found.repaired,
      drifted: JSON.stringify(found.drifted),
    },
    select: { id: true },
  })
  return { id, ...found }
}

/** Up to `limit` reports, the newest first, beginning before the report `before` when it is given. */
export async function readReports(
  ledger: StoreLedger,
  before: number | undefined,
  limit: number,
): Promise<ReconciliationReport[]> {
  const rows = await ledger.database.reconciliation.findMany({
    where: { storeId: await ledger.storeId(), ...(before !== undefined && { id: { lt: before } }) },
    orderBy: { id: 'desc' },
    take: limit,
  })
  return rows.map(toReport)
}

/** The newest report of all of the store: one of a part says nothing of the rest. */
export async function readNewestComplete(ledger: StoreLedger): Promise<ReconciliationReport | undefined> {
  const row = await ledger.database.reconciliation.findFirst({
    where: { storeId: await ledger.storeId(), complete: true },
    orderBy: { id: 'desc' },
  })
  return row ? toReport(row) : undefined
}

export async function readReport(ledger: StoreLedger, id: number): Promise<ReconciliationReport | undefined> {
  const row = await ledger.database.reconciliation.findFirst({
    where: { storeId: await ledger.storeId(), id },
  })
  return row ? toReport(row) : undefined
}

function toReport(row: ReconciliationRow): ReconciliationReport {
  return {
    id: row.id,
    position: { epoch: row.epoch, sequence: Number(row.sequence) },
    startedAtMs: row.startedAt.getTime(),
    tookMs: row.tookMs,
    repair: row.repair,
    complete: row.complete,
    checked: { skus: row.skusChecked, reservations: row.reservationsChecked },
    drifted: JSON.parse(row.drifted) as Drift[],
    driftedTotal: row.driftedTotal,
    repaired: row.repaired,
  }
}
