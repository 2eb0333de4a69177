import { computed, signal } from '@preact/signals'
import type { ConsoleInfo, Problem } from './contract.js'
import { route } from './route.js'

const keyItem = 'holdfast.apiKey'

/** The API key that calls carry; '' for none. It lives as long as the browser's tab. */
export const apiKey = signal(sessionStorage.getItem(keyItem) ?? '')

/** Why a key is asked for; undefined while none is. */
export const keyRefusal = signal<Problem | undefined>(undefined)

/** Why there is nothing to see at this address: no such store, to this key. Undefined while there is. */
export const storeRefusal = signal<Problem | undefined>(undefined)

/** Rises when everything on the page is to be read again: another key, or a service that came back. */
export const epoch = signal(0)

/** What the service says about itself and about this key; undefined until it has. */
export const consoleInfo = signal<ConsoleInfo | undefined>(undefined)

/** The store that calls name; undefined for the service's first one. */
export const storeName = computed(() => route.value.parameters.get('store') ?? undefined)

export function useKey(key: string): void {
  if (key === '') sessionStorage.removeItem(keyItem)
  else sessionStorage.setItem(keyItem, key)
  apiKey.value = key
  keyRefusal.value = undefined
  storeRefusal.value = undefined
  epoch.value++
}
