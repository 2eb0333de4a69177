import type { Problem, Reconciliation } from '../contract.js'
import { formatCount } from '../figures.js'
import { reportHref } from '../route.js'
import { Moment } from './moment.js'
import { ProblemNote } from './problem-note.js'
import './report-history.css'

interface ReportHistoryProps {
  /** The newest first. */
  reports: readonly Reconciliation[] | undefined
  problem: Problem | undefined
  /** The id of the one that is shown. */
  current: number | undefined
}

export function ReportHistory({ reports, problem, current }: ReportHistoryProps) {
  return (
    <nav class="card report-history" aria-labelledby="report-history">
      <div class="card-head">
        <h2 id="report-history">History</h2>
      </div>
      {problem && <ProblemNote problem={problem} />}
      <ol>
        {reports?.map((report, i) => (
          // The newest comes in above: rows keep their places, and what they say moves on.
          <li key={i}>
            <a href={reportHref(report.id)} aria-current={report.id === current ? 'true' : undefined}>
              <span class="report-id">{report.id}</span>
              <Moment at={report.startedAt} />
              <span class="report-outcome">
                {!report.complete && 'part: '}
                {outcome(report)}
              </span>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  )
}

function outcome({ driftedTotal, repaired }: Reconciliation): string {
  if (driftedTotal === 0) return 'agree'
  const open = driftedTotal - repaired
  return open === 0 ? `${formatCount(repaired)} repaired` : `${formatCount(open)} differ`
}
