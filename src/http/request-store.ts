import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.js'
import type { StoreServices } from './store-services.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The store the call is about; set before the body is read. */
    store: StoreServices
  }
}

/** Finds the store a call names in `Holdfast-Store`, or the first one; unknown stores answer 404. */
export function storeSelector(stores: ReadonlyMap<string, StoreServices>) {
  const first = stores.values().next().value as StoreServices
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const name = request.headers['holdfast-store']
    const store = name === undefined ? first : stores.get(String(name))
    if (!store) {
      sendProblem(reply, 'unknown-store', 'The store in the header Holdfast-Store is not served here.')
      return
    }
    request.store = store
    done()
  }
}
