import { describe } from '../api-client.js'
import { formatTime } from '../figures.js'
import { lostAt, streamProblem } from '../live.js'
import { keyRefusal, storeRefusal } from '../session.js'
import './lost-banner.css'

/** Says calmly that figures stand still. It lies over the page, so that nothing moves for it. */
export function LostBanner() {
  const since = lostAt.value
  if (!since || keyRefusal.value || storeRefusal.value) return null
  const problem = streamProblem.value
  return (
    <aside class="lost-banner" aria-label="Connection">
      <b>Not connected since {formatTime(since)}.</b>{' '}
      {problem ? describe(problem) : 'What you see is as of then.'} Trying again by itself.
    </aside>
  )
}
