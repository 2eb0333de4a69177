import { expect } from 'vitest'
import type { Api } from '../../src/api.js'
import type { Config } from '../../src/config.js'
import { eventually, openTestStore, type TestStore } from '../support/test-store.js'

/** A store with an API that listens and a worker, and the calls that a storefront makes. */
export interface ConsoleService {
  store: TestStore
  /** Known once it was started. */
  readonly api: Api
  readonly url: string
  start(overrides?: Partial<Config>): Promise<void>
  setStock(sku: string, onHand: number): Promise<void>
  /** @returns the reservation's id. */
  hold(sku: string, quantity: number, ttlSeconds?: number): Promise<string>
  confirm(id: string): Promise<void>
  send(method: string, path: string, body?: unknown): Promise<Response>
  /** Resolves when MySQL holds all that Redis holds. */
  caughtUp(): Promise<void>
}

/** To be called beside the imports, as `openTestStore` is. */
export async function openConsoleService(): Promise<ConsoleService> {
  const store = await openTestStore({ reconcileSeconds: 0 })
  let served: { api: Api; url: string } | undefined
  const known = () => {
    if (!served) throw new Error('the service was not started')
    return served
  }
  const send = (method: string, path: string, body?: unknown) =>
    fetch(`${known().url}${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
  return {
    store,
    get api() {
      return known().api
    },
    get url() {
      return known().url
    },
    start: async (overrides = {}) => {
      await store.worker(overrides)
      const api = await store.api(overrides)
      served = { api, url: await api.listen() }
      await eventually(async () => (await send('GET', '/readyz')).ok, 'the store is open')
    },
    send,
    setStock: async (sku, onHand) => {
      expect((await send('PUT', `/v1/stock/${sku}`, { onHand })).ok).toBe(true)
    },
    hold: async (sku, quantity, ttlSeconds = 900) => {
      const lines = [{ sku, quantity }]
      const held = await send('POST', '/v1/reservations', { customerId: 'customer-7', lines, ttlSeconds })
      expect(held.status).toBe(201)
      return ((await held.json()) as { id: string }).id
    },
    confirm: async (id) => {
      const paid = await send('POST', `/v1/reservations/${id}/confirm`, { paymentRef: 'payment-9' })
      expect(paid.ok).toBe(true)
    },
    caughtUp: () =>
      eventually(async () => {
        const { stores } = (await (await send('GET', '/readyz')).json()) as {
          stores: Record<string, { entriesBehind: number }>
        }
        return Object.values(stores).every(({ entriesBehind }) => entriesBehind === 0)
      }, 'MySQL has caught up'),
  }
}
