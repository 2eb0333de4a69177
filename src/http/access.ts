import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  RouteOptions,
} from 'fastify'
import type { ApiKey, Scope } from '../domain/api-key.js'
import type { Keyring } from './keyring.js'
import { localCallJudge } from './local-calls.js'
import { sendProblem } from './problem.js'
import { type StoreSelector, storeSelector } from './request-store.js'
import type { StoreServices } from './store-services.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route: a key with one of these scopes, or `admin`. Every route under /v1 says so. */
    scopes?: readonly Scope[]
  }

  interface FastifyRequest {
    /** The key that the call came with; undefined where none is asked for. */
    apiKey: ApiKey | undefined
  }
}

/**
 * Asks for a key at every route under /v1 that is declared from here on, and finds the store of the
 * call. A route that does not say which scopes it needs fails the start, so that none is open by an
 * oversight. Health, figures and documentation stay open. While no key is asked for, only calls that were
 * meant for this machine are served.
 *
 * @param admitted is asked next, of a call that has its key and its store.
 */
export function guardRoutes(
  app: FastifyInstance,
  keyring: Keyring,
  stores: ReadonlyMap<string, StoreServices>,
  admitted: readonly onRequestAsyncHookHandler[] = [],
): void {
  // Declared here so that every request object has the same shape.
  app.decorateRequest('apiKey', undefined)
  app.decorateRequest('store')
  const selectStore = storeSelector(stores)
  const isLocal = localCallJudge()
  app.addHook('onRoute', (route) => {
    if (!/^\/v1(\/|$)/.test(route.url)) return
    const allowed = allowedScopes(route)
    route.onRequest = [
      admission(allowed, keyring, isLocal, selectStore),
      ...admitted,
      ...[route.onRequest ?? []].flat(),
    ]
    // Each alternative is enough by itself.
    route.schema = { ...route.schema, security: allowed.map((scope) => ({ apiKey: [scope] })) }
  })
}

const createKey = 'Create an API key with "holdfast keys create", or call the service as localhost.'

/** @throws Error for a route that declares none. */
function allowedScopes({ method, url, config }: RouteOptions): readonly Scope[] {
  const scopes = config?.scopes ?? []
  if (scopes.length === 0) throw new Error(`the route ${method} ${url} does not declare its scopes`)
  return [...new Set<Scope>([...scopes, 'admin'])]
}

function admission(
  allowed: readonly Scope[],
  keyring: Keyring,
  isLocal: ReturnType<typeof localCallJudge>,
  selectStore: StoreSelector,
) {
  const needed = `It needs one of the scopes ${allowed.join(', ')}.`
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const { state } = keyring
    if (state !== 'open') {
      if (state === 'unknown') {
        sendProblem(reply, 'mysql-unavailable', 'The API keys have not been read from MySQL yet.')
        return
      }
      const key = keyring.find(request.headers.authorization)
      if (!key) {
        sendProblem(reply, 'unauthorized', 'Send Authorization: Bearer KEY.')
        return
      }
      if (!allowed.some((scope) => key.scopes.includes(scope))) {
        sendProblem(reply, 'forbidden', needed, { scopes: allowed })
        return
      }
      request.apiKey = key
    } else if (!isLocal(request.headers)) {
      sendProblem(reply, 'forbidden-host', createKey)
      return
    }
    const store = selectStore(request.headers['holdfast-store'], request.apiKey)
    if (!store) {
      sendProblem(reply, 'unknown-store', 'The store of the call is not served here.')
      return
    }
    request.store = store
    done()
  }
}
