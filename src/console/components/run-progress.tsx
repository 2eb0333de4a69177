import type { ReconciliationProgress } from '../contract.js'
import { formatCount, plural } from '../figures.js'
import './run-progress.css'

const phases: Readonly<Record<ReconciliationProgress['phase'], string>> = {
  stock: 'Comparing the counts of SKUs',
  reservations: 'Comparing reservations',
  sums: 'Adding up reservations',
}

interface RunProgressProps {
  /** What was heard of the newest run; undefined when nothing was. */
  progress: ReconciliationProgress | undefined
  isRunning: boolean
}

/** How far a comparison is. It keeps its room while none goes on, so that nothing moves. */
export function RunProgress({ progress, isRunning }: RunProgressProps) {
  const heard = isRunning && progress && !progress.done ? progress : undefined
  const share = heard?.total ? Math.min(1, heard.checked / heard.total) : undefined
  return (
    <div class="run-progress" data-running={isRunning}>
      <div
        class="run-progress-bar"
        role="progressbar"
        aria-label="Comparison"
        aria-hidden={!isRunning}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share === undefined ? undefined : Math.round(share * 100)}
      >
        <span style={{ transform: `scaleX(${isRunning ? (share ?? 0.04) : 0})` }} />
      </div>
      <p class="muted small">{isRunning ? (heard ? describe(heard) : 'Beginning …') : ''}</p>
    </div>
  )
}

function describe({ phase, checked, total, drifted }: ReconciliationProgress): string {
  const of = total === undefined ? '' : ` of ${formatCount(total)}`
  return `${phases[phase]}: ${formatCount(checked)}${of}. ${drifted === 0 ? 'No difference so far.' : `${plural(drifted, 'difference')} so far.`}`
}
