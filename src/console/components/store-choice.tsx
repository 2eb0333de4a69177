import { go } from '../route.js'
import { consoleInfo } from '../session.js'

/** Which store is looked at; nothing to choose where there is one. */
export function StoreChoice() {
  const info = consoleInfo.value
  if (!info || info.stores.length < 2) return null
  return (
    <select
      class="input"
      aria-label="Store"
      value={info.store}
      onChange={(event) => go(`#/?${new URLSearchParams({ store: event.currentTarget.value })}`)}
    >
      {info.stores.map((store) => (
        <option key={store} value={store}>
          {store}
        </option>
      ))}
    </select>
  )
}
