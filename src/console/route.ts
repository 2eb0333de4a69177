import { signal } from '@preact/signals'

export type View = 'overview' | 'sku' | 'reservation' | 'reconciliation' | 'replay' | 'unknown'

/** What the address says: everything that is seen can be linked to. */
export interface Route {
  view: View
  /** The SKU, or the id of a reservation or a report; '' where there is none. */
  id: string
  parameters: URLSearchParams
}

const views: Readonly<Record<string, View>> = {
  '': 'overview',
  skus: 'sku',
  reservations: 'reservation',
  reconciliation: 'reconciliation',
  replay: 'replay',
}

/** Reads the fragment of an address: `#/skus/SNEAKER-42?store=main`. */
export function parseRoute(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#?\/?/, '').split('?', 2)
  const [first = '', id = ''] = path.split('/', 2)
  const view = views[first] ?? 'unknown'
  const needsId = view === 'sku' || view === 'reservation'
  return {
    view: needsId && id === '' ? 'unknown' : view,
    id: decode(id),
    parameters: new URLSearchParams(query),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const route = signal(parseRoute(location.hash))

addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash)
})

/** An address on this page; the store that is looked at stays the same. */
export function href(path: string, parameters: Readonly<Record<string, string>> = {}): string {
  const all = new URLSearchParams()
  const store = route.value.parameters.get('store')
  if (store !== null) all.set('store', store)
  for (const [name, value] of Object.entries(parameters)) {
    if (value === '') all.delete(name)
    else all.set(name, value)
  }
  const query = all.toString()
  return `#${path}${query === '' ? '' : `?${query}`}`
}

export const skuHref = (sku: string) => href(`/skus/${encodeURIComponent(sku)}`)
export const reservationHref = (id: string) => href(`/reservations/${encodeURIComponent(id)}`)
export const reportHref = (id: number) => href(`/reconciliation/${id}`)

/** @param isSame the address says more precisely what is seen already: no step back leads here. */
export function go(address: string, isSame = false): void {
  if (!isSame) {
    location.hash = address
    return
  }
  history.replaceState(null, '', address)
  route.value = parseRoute(address)
}
