import { useEffect, useState } from 'preact/hooks'
import { announce } from '../announcer.js'
import { call } from '../api-client.js'
import { ProblemNote } from '../components/problem-note.js'
import { RepairDialog } from '../components/repair-dialog.js'
import { Report } from '../components/report.js'
import { ReportHistory } from '../components/report-history.js'
import { RunProgress } from '../components/run-progress.js'
import type { Problem, Reconciliation, ReconciliationPage } from '../contract.js'
import { plural } from '../figures.js'
import { reconciliation, watch } from '../live.js'
import { PageTitle } from '../page-title.js'
import { go, reportHref, route } from '../route.js'
import { useCall } from '../use-call.js'
import './reconciliation.css'

const reportsShown = 50

/** Redis and MySQL side by side: compare them, read what differs, correct it. */
export function ReconciliationView({ id }: { id: string }) {
  const history = useCall(
    (signal) => call<ReconciliationPage>('GET', `v1/reconciliations?limit=${reportsShown}`, { signal }),
    [],
  )
  const report = useReport(id, history.body)
  const run = useRun((made) => {
    history.reload()
    // Whoever has gone elsewhere meanwhile stays there.
    if (route.peek().view === 'reconciliation') go(reportHref(made.id))
  })
  const [isAsked, setAsked] = useState(false)
  useEffect(() => watch([]), [])
  const heard = reconciliation.value
  // Somebody else's run has left a report, too.
  useEffect(() => {
    if (heard?.done) history.reload()
  }, [heard?.done, heard?.id, history.reload])
  const isRunning = run.isRunning || (heard !== undefined && !heard.done)
  const open = report.body ? report.body.driftedTotal - report.body.repaired : 0
  return (
    <>
      <div class="reconcile-head">
        <div>
          <PageTitle title="Reconcile" />
          <p class="muted">
            Compares Redis with MySQL at the same position of the ledger, while both are at work. Customers
            notice nothing.
          </p>
        </div>
        <div class="reconcile-actions">
          <button type="button" class="button" disabled={isRunning} onClick={() => setAsked(true)}>
            Repair…
          </button>
          <button
            type="button"
            class="button primary"
            disabled={isRunning}
            onClick={() => void run.begin(false)}
          >
            Compare now
          </button>
        </div>
      </div>
      <RunProgress progress={heard} isRunning={isRunning} />
      {run.problem && <ProblemNote problem={run.problem} />}
      <div class="reconcile">
        <Report report={report.body} problem={report.problem} isNone={history.body?.items.length === 0} />
        <ReportHistory reports={history.body?.items} problem={history.problem} current={report.body?.id} />
      </div>
      {isAsked && (
        <RepairDialog
          open={open}
          onClose={() => setAsked(false)}
          onConfirm={() => {
            setAsked(false)
            void run.begin(true)
          }}
        />
      )}
    </>
  )
}

/** The report that the address names, or the newest one. */
function useReport(id: string, history: ReconciliationPage | undefined) {
  const listed = id === '' ? history?.items[0] : history?.items.find((item) => String(item.id) === id)
  const wanted = id === '' ? (listed ? String(listed.id) : '') : id
  return useCall<Reconciliation | undefined>(
    async (signal) => {
      if (wanted === '') return { ok: true, status: 200, body: undefined, headers: new Headers() }
      return call<Reconciliation>('GET', `v1/reconciliations/${encodeURIComponent(wanted)}`, { signal })
    },
    [wanted],
  )
}

function useRun(onReport: (report: Reconciliation) => void) {
  const [isRunning, setRunning] = useState(false)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const begin = async (repair: boolean) => {
    setRunning(true)
    setProblem(undefined)
    // A large store takes minutes; what becomes of a run whose answer is lost stands in the history.
    const answer = await call<Reconciliation>('POST', 'v1/reconciliations', {
      body: { repair },
      timeoutMs: 0,
    })
    setRunning(false)
    if (!answer.ok) {
      setProblem(answer.problem)
      return
    }
    announce(sentence(answer.body))
    onReport(answer.body)
  }
  return { isRunning, problem, begin }
}

function sentence({ driftedTotal, repaired, repair }: Reconciliation): string {
  if (driftedTotal === 0) return 'Redis and MySQL agree.'
  return `${plural(driftedTotal, 'difference')} found${repair ? `, ${repaired} repaired` : ''}.`
}
