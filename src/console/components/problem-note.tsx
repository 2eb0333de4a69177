import { describe } from '../api-client.js'
import type { Problem } from '../contract.js'
import './problem-note.css'

/** What the service refused, in its own words. */
export function ProblemNote({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  return (
    <div class="problem-note" role="alert">
      <p>{describe(problem)}</p>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}
