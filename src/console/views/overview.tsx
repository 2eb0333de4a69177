import { ActivityPanel } from '../components/activity-panel.js'
import { ReadinessPanel } from '../components/readiness-panel.js'
import { StockPanel } from '../components/stock-panel.js'
import { PageTitle } from '../page-title.js'
import './overview.css'

/** The store during a sale: what happens, whether every part works, and where the units are. */
export function OverviewView({ parameters }: { parameters: URLSearchParams }) {
  return (
    <>
      <PageTitle title="Overview" isHidden />
      <div class="overview">
        <ActivityPanel />
        <ReadinessPanel />
        <StockPanel search={parameters.get('search') ?? ''} after={parameters.get('after') ?? ''} />
      </div>
    </>
  )
}
