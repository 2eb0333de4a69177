import { useEffect } from 'preact/hooks'
import { call } from '../api-client.js'
import { ProblemNote } from '../components/problem-note.js'
import { SkuCounts } from '../components/sku-counts.js'
import { SkuCourse } from '../components/sku-course.js'
import { StockForms } from '../components/stock-forms.js'
import { Story } from '../components/story.js'
import type { Stock } from '../contract.js'
import { useLedgerStory } from '../ledger-story.js'
import { stock as liveStock, watch } from '../live.js'
import { PageTitle } from '../page-title.js'
import { useCall } from '../use-call.js'
import './sku.css'

/** A SKU: where its units are, where they have been, and what is on the shelf by hand. */
export function SkuView({ sku }: { sku: string }) {
  const { body, problem, reload } = useCall(
    (signal) => call<Stock>('GET', `v1/stock/${encodeURIComponent(sku)}`, { signal }),
    [sku],
  )
  useEffect(() => {
    watch([sku])
    return () => watch([])
  }, [sku])
  const counts = liveStock.value.get(sku) ?? body
  const story = useLedgerStory({ sku }, counts)
  const isNew = problem?.type === 'urn:holdfast:unknown-sku' && !counts
  return (
    <>
      <PageTitle title={sku} />
      {problem && !isNew && <ProblemNote problem={problem} onRetry={reload} />}
      <div class="sku">
        <div class="sku-figures">
          <SkuCounts counts={counts} isNew={isNew} />
          <SkuCourse sku={sku} counts={counts} entries={story.entries.value} />
        </div>
        <StockForms sku={sku} counts={counts} onChange={reload} />
        <Story about={{ sku }} story={story} />
      </div>
    </>
  )
}
