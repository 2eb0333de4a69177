import { useEffect } from 'preact/hooks'
import { call } from '../api-client.js'
import { ProblemNote } from '../components/problem-note.js'
import { SkuCounts } from '../components/sku-counts.js'
import { SkuCourse } from '../components/sku-course.js'
import { StockForms } from '../components/stock-forms.js'
import { Story } from '../components/story.js'
import type { Problem, Stock } from '../contract.js'
import { useLedgerStory } from '../ledger-story.js'
import { stock as liveStock, watch } from '../live.js'
import { PageTitle } from '../page-title.js'
import { useCall } from '../use-call.js'
import './sku.css'

/** In a path they mean a folder, and browsers take them out of it, however they are written. */
const isFolder = (sku: string) => sku === '.' || sku === '..'

const unaddressable: Problem = {
  type: 'about:blank',
  title: 'No browser can ask for a SKU of this name.',
  status: 0,
  detail: 'In an address, . and .. mean a folder. Its stock is changed with “holdfast stock import”.',
}

/** A SKU: where its units are, where they have been, and what is on the shelf by hand. */
export function SkuView({ sku }: { sku: string }) {
  if (!isFolder(sku)) return <Sku sku={sku} />
  return (
    <>
      <PageTitle title={sku} />
      <ProblemNote problem={unaddressable} />
    </>
  )
}

function Sku({ sku }: { sku: string }) {
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
