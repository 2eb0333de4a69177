import { href, route } from '../route.js'
import { apiKey, consoleInfo, useKey } from '../session.js'
import { ConnectionLabel } from './connection-label.js'
import { SearchBox } from './search-box.js'
import { StoreChoice } from './store-choice.js'
import { ThemeChoice } from './theme-choice.js'
import './header.css'

export function Header({ searchId }: { searchId: string }) {
  const { view } = route.value
  return (
    <header class="header">
      <div class="header-row">
        <a class="wordmark" href={href('/')}>
          <Mark />
          <span>Holdfast</span>
        </a>
        <nav class="header-nav" aria-label="Views">
          <ViewLink address="/" name="Overview" isCurrent={view === 'overview'} />
          <ViewLink address="/reconciliation" name="Reconcile" isCurrent={view === 'reconciliation'} />
          {consoleInfo.value?.replay && (
            <ViewLink address="/replay" name="Replay 12.12" isCurrent={view === 'replay'} />
          )}
        </nav>
        <StoreChoice />
        <SearchBox id={searchId} />
        <div class="header-tools">
          <ConnectionLabel />
          {apiKey.value !== '' && (
            <button
              type="button"
              class="button forget-key"
              title={consoleInfo.value?.keyName ?? ''}
              onClick={() => useKey('')}
            >
              Forget key
            </button>
          )}
          <ThemeChoice />
        </div>
      </div>
    </header>
  )
}

function ViewLink({ address, name, isCurrent }: { address: string; name: string; isCurrent: boolean }) {
  return (
    <a href={href(address)} aria-current={isCurrent ? 'page' : undefined}>
      {name}
    </a>
  )
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <rect width="20" height="4" rx="2" />
      <rect y="7" width="14" height="4" rx="2" opacity="0.75" />
      <rect y="14" width="8" height="4" rx="2" opacity="0.5" />
    </svg>
  )
}
