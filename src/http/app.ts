import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { HttpMetrics } from '../metrics/http-metrics.js'
import { guardRoutes } from './access.js'
import { registerConsolePage } from './console-page.js'
import { consoleRoutes } from './console-routes.js'
import { registerDocumentation } from './documentation.js'
import { eventRoutes } from './event-routes.js'
import { openShell, type ShellOptions } from './http-shell.js'
import type { Keyring } from './keyring.js'
import { ledgerRoutes } from './ledger-routes.js'
import type { Shedding } from './load-monitor.js'
import { loadShedder } from './load-shedding.js'
import { operationRoutes } from './operation-routes.js'
import { keyLimiter } from './rate-limit.js'
import type { Readiness } from './readiness.js'
import { reconciliationRoutes } from './reconciliation-routes.js'
import { type Replays, replayRoutes } from './replay-routes.js'
import { type ReservationRoutesOptions, reservationRoutes } from './reservation-routes.js'
import { servePages } from './security-headers.js'
import { stockRoutes } from './stock-routes.js'
import type { StoreServices } from './store-services.js'

export interface AppOptions extends ReservationRoutesOptions, Omit<ShellOptions, 'metrics'> {
  /** The first one serves calls that name none. */
  stores: ReadonlyMap<string, StoreServices>
  keyring: Keyring
  readiness(): Promise<Readiness>
  /** Everything that `/metrics` tells. */
  registry: Registry
  /** What is refused for overload at the moment. */
  load: { readonly shedding: Shedding }
  /** Event streams that are served at once. */
  eventStreamsMax: number
  /** Where the built page of the console is; it need not be there. */
  consoleFolder: string
  /** Absent where the service runs a store of somebody's own. */
  replays?: Replays | undefined
  version: string
}

/** Composes the HTTP API; nothing listens yet. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { registry } = options
  const metrics = new HttpMetrics(registry)
  metrics.watchRateLimits(options.rateLimits)
  const app = openShell({ ...options, metrics })
  const { key } = options.rateLimits
  const admitted = key ? [keyLimiter(key)] : []
  guardRoutes(app as unknown as FastifyInstance, options.keyring, options.stores, admitted)
  await registerDocumentation(app, options.version)

  await app.register(async (pages) => {
    servePages(pages as unknown as FastifyInstance)
    await registerConsolePage(pages as unknown as FastifyInstance, options.consoleFolder)
  })
  await app.register(operationRoutes, { readiness: options.readiness, registry })
  await app.register(async (calls) => {
    // First of all: an overloaded process does nothing for what it refuses.
    calls.addHook(
      'onRequest',
      loadShedder(options.load, () => metrics.shedCalls.add()),
    )
    await calls.register(reservationRoutes, options)
    await calls.register(stockRoutes)
    await calls.register(ledgerRoutes)
    await calls.register(reconciliationRoutes)
    const feeds = [...options.stores.values()].map(({ live }) => live)
    await calls.register(eventRoutes, {
      eventStreamsMax: options.eventStreamsMax,
      keyring: options.keyring,
      feeds,
    })
    await calls.register(replayRoutes, { replays: options.replays })
    await calls.register(consoleRoutes, {
      version: options.version,
      storeNames: [...options.stores.keys()],
      hasReplays: options.replays !== undefined,
    })
  })
  return app as unknown as FastifyInstance
}
