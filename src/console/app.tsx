import { useEffect } from 'preact/hooks'
import { Announcer } from './announcer.js'
import { call } from './api-client.js'
import { Header } from './components/header.js'
import { KeyPrompt } from './components/key-prompt.js'
import { LostBanner } from './components/lost-banner.js'
import type { ConsoleInfo } from './contract.js'
import { PageTitle } from './page-title.js'
import { href, type Route, route } from './route.js'
import { consoleInfo, epoch, keyRefusal, storeName, storeRefusal } from './session.js'
import { OverviewView } from './views/overview.js'
import { ReconciliationView } from './views/reconciliation.js'
import { ReplayView } from './views/replay.js'
import { ReservationView } from './views/reservation.js'
import { SkuView } from './views/sku.js'
import './app.css'

export const searchId = 'search'
const mainId = 'main'

export function App() {
  const store = storeName.value ?? ''
  const turn = epoch.value
  useEffect(() => {
    storeRefusal.value = undefined
    void readConsoleInfo()
  }, [store, turn])
  const at = route.value
  return (
    <>
      <a
        class="skip-link"
        href={`#${mainId}`}
        onClick={(event) => {
          // The fragment is the page's address; the link only moves the focus.
          event.preventDefault()
          document.getElementById(mainId)?.focus()
        }}
      >
        Skip to content
      </a>
      <Header searchId={searchId} />
      <main id={mainId} tabIndex={-1}>
        {keyRefusal.value ? (
          <KeyPrompt />
        ) : storeRefusal.value ? (
          <UnknownStore store={store} />
        ) : (
          <View key={viewKey(store, at)} at={at} />
        )}
      </main>
      <LostBanner />
      <Announcer />
    </>
  )
}

/** Another SKU is another view; another report is the same one. */
function viewKey(store: string, { view, id }: Route): string {
  return view === 'reconciliation' ? `${store} ${view}` : `${store} ${view} ${id}`
}

async function readConsoleInfo(): Promise<void> {
  const answer = await call<ConsoleInfo>('GET', 'v1/console')
  if (answer.ok) consoleInfo.value = answer.body
}

function UnknownStore({ store }: { store: string }) {
  return (
    <>
      <PageTitle title={`No store ${store}`} />
      <p>
        The service has no store of this name, or the API key is for another one.{' '}
        <a href="#/">Go to the first store that can be seen</a>
      </p>
    </>
  )
}

function View({ at }: { at: Route }) {
  switch (at.view) {
    case 'overview':
      return <OverviewView parameters={at.parameters} />
    case 'sku':
      return <SkuView sku={at.id} />
    case 'reservation':
      return <ReservationView id={at.id} />
    case 'reconciliation':
      return <ReconciliationView id={at.id} />
    case 'replay':
      return <ReplayView />
    default:
      return (
        <>
          <PageTitle title="Nothing here" />
          <p>
            This address names nothing the console can show. <a href={href('/')}>Go to the overview</a>
          </p>
        </>
      )
  }
}
