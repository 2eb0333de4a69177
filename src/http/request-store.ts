import type { ApiKey } from '../domain/api-key.js'
import type { StoreServices } from './store-services.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The store the call is about; set before the body is read. */
    store: StoreServices
  }
}

export type StoreSelector = (
  named: string | string[] | undefined,
  key: ApiKey | undefined,
) => StoreServices | undefined

/**
 * Finds the store that a call names in `Holdfast-Store`, or else its key's, or the first one. To a key
 * of one store there are no others.
 */
export function storeSelector(stores: ReadonlyMap<string, StoreServices>): StoreSelector {
  const first = stores.values().next().value as StoreServices
  return (named, key) => {
    const own = key?.store
    if (own === undefined) return named === undefined ? first : stores.get(String(named))
    return named === undefined || String(named) === own ? stores.get(own) : undefined
  }
}
