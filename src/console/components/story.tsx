import { useEffect, useState } from 'preact/hooks'
import { formatCount, plural } from '../figures.js'
import type { About, LedgerStory } from '../ledger-story.js'
import { LedgerTable } from './ledger-table.js'
import { ProblemNote } from './problem-note.js'
import './story.css'

const rowsMore = 50
const skeletonRows = 4

/**
 * Every change, as the ledger holds it: the newest first, and older ones when asked for. What is new stays
 * out until it is asked for too, so that nobody's line moves away while it is read.
 */
export function Story({ about, story }: { about: About; story: LedgerStory }) {
  const [rows, setRows] = useState(rowsMore)
  const [top, setTop] = useState<string | undefined>(undefined)
  const entries = story.entries.value
  const problem = story.problem.value
  const hasOlder = story.hasOlder.value
  const newest = entries?.[0]?.position
  useEffect(() => setTop((seen) => seen ?? newest), [newest])
  const newer = Math.max(0, entries?.findIndex(({ position }) => position === top) ?? 0)
  const shown = entries?.slice(newer, newer + rows)
  const hasMore = entries !== undefined && (newer + rows < entries.length || hasOlder)
  const showMore = () => {
    if (entries && newer + rows + rowsMore > entries.length && hasOlder) void story.readOlder()
    setRows(rows + rowsMore)
  }
  return (
    <section class="card story" aria-labelledby="story">
      <div class="card-head">
        <h2 id="story">Story</h2>
        <span class="muted small headline">{entries && extent(entries.length, hasOlder)}</span>
        {newer > 0 && (
          <button type="button" class="button" onClick={() => setTop(newest)}>
            Show {formatCount(newer)} newer
          </button>
        )}
      </div>
      {problem && <ProblemNote problem={problem} onRetry={() => void story.catchUp()} />}
      {entries?.length === 0 && <p class="empty muted">MySQL holds no entry of it yet.</p>}
      {!(problem && !entries) && entries?.length !== 0 && (
        <LedgerTable
          caption="Ledger entries, the newest first"
          entries={shown}
          about={about}
          skeletonRows={skeletonRows}
        />
      )}
      {hasMore && (
        <div class="story-more">
          <button type="button" class="button" onClick={showMore}>
            Show older
          </button>
        </div>
      )}
    </section>
  )
}

function extent(entries: number, hasOlder: boolean): string {
  return `from the ledger in MySQL: ${hasOlder ? 'the newest ' : ''}${plural(entries, 'entry', 'entries')}`
}
