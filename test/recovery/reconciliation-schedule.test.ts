import { afterEach, beforeAll, test } from 'vitest'
import type { Reconciliation } from '../../src/domain/reconciliation.js'
import { saveReport } from '../../src/ledger/reconciliation-reports.js'
import { openLog } from '../../src/log.js'
import { ReconciliationSchedule } from '../../src/recovery/reconciliation-schedule.js'
import { eventually } from '../support/test-store.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

let store: ReconciledStore
let schedule: ReconciliationSchedule
let outcomes: string[]

beforeAll(async () => {
  store = await openReconciledStore()
  await store.services.gate.setStock('cup', 10)
})

afterEach(() => schedule.stop())

function begin(intervalMs: number): void {
  const { reconciler, ledger } = store.services
  const observer = { ended: (outcome: string) => outcomes.push(outcome) }
  outcomes = []
  schedule = new ReconciliationSchedule(
    reconciler,
    ledger,
    { intervalMs },
    openLog('silent', 'test'),
    observer,
  )
  schedule.start()
}

function keep(report: Pick<Reconciliation, 'startedAtMs' | 'complete'>) {
  return saveReport(store.services.ledger, {
    ...{
      position: { epoch: 1, sequence: 1 },
      tookMs: 5,
      repair: false,
      drifted: [],
      driftedTotal: 0,
      repaired: 0,
    },
    checked: { skus: 1, reservations: 0 },
    ...report,
  })
}

test('reports of a part of the store postpone no run', async () => {
  begin(1000)
  await eventually(async () => {
    await keep({ startedAtMs: Date.now(), complete: false })
    return outcomes.includes('agreed')
  }, 'all of the store was compared')
})

test('a report of a host whose clock is ahead postpones the next run by one interval', async () => {
  await keep({ startedAtMs: Date.now() + 3_600_000, complete: true })
  begin(1000)
  await eventually(() => outcomes.includes('agreed'), 'the store was compared')
})
