import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { bodyBytesMax } from '../domain/limits.js'
import { type ApiKeyHash, authenticator } from './authentication.js'
import { ledgerRoutes } from './ledger-routes.js'
import { Metrics } from './metrics.js'
import { operationRoutes } from './operation-routes.js'
import { handleError, sendProblem } from './problem.js'
import type { Readiness } from './readiness.js'
import { reconciliationRoutes } from './reconciliation-routes.js'
import { storeSelector } from './request-store.js'
import { type ReservationRoutesOptions, reservationRoutes } from './reservation-routes.js'
import { stockRoutes } from './stock-routes.js'
import type { StoreServices } from './store-services.js'

export interface AppOptions extends ReservationRoutesOptions {
  /** The first one serves calls that name none. */
  stores: ReadonlyMap<string, StoreServices>
  /** None: no key is asked for. */
  apiKeys: readonly ApiKeyHash[]
  readiness(): Promise<Readiness>
  /** Whether the process is about to stop: clients are to come back on another connection. */
  isDraining(): boolean
  logger: FastifyBaseLogger
  version: string
}

/** Composes the HTTP API; nothing listens yet. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const metrics = new Metrics(options.stores)
  const app = Fastify({
    loggerInstance: options.logger,
    // A line for each call would cost more than the call; failures and slow calls have their own.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => safeRequestId(request.headers['x-request-id']) ?? randomUUID(),
    // Nor a logger: what is logged of a call names it.
    childLoggerFactory: (logger) => logger,
    bodyLimit: bodyBytesMax,
    // Bounds on slow senders: a whole request within 10 s, an idle socket for 75 s.
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 75_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    forceCloseConnections: 'idle',
    // Calls that still arrive while it closes are answered below, in the form of every other refusal.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256 },
    // A path that cannot be decoded never reaches the error handler below.
    frameworkErrors: handleError,
    // Nothing is coerced, dropped or filled in: what is not as documented is refused.
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, 'not-found', `There is no ${request.method} ${request.url.split('?', 1)[0]}.`)
  })
  acceptEmptyBodies(app)
  let stopping = false
  app.addHook('preClose', (done) => {
    stopping = true
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    if (stopping || options.isDraining()) reply.header('connection', 'close')
    if (stopping) sendProblem(reply, 'stopping', 'Repeat the call.')
    else done()
  })
  app.addHook('onRoute', (route) => {
    route.onResponse = (_request, reply, done) => {
      metrics.countCall(route.url, reply.statusCode)
      done()
    }
  })
  await registerDocumentation(app, options)

  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'))
  await app.register(operationRoutes, { readiness: options.readiness, metrics })
  await app.register(async (calls) => {
    if (options.apiKeys.length > 0) calls.addHook('onRequest', authenticator(options.apiKeys))
    // Declared here so that every request object has the same shape.
    calls.decorateRequest('store')
    calls.addHook('onRequest', storeSelector(options.stores))
    await calls.register(reservationRoutes, options)
    await calls.register(stockRoutes)
    await calls.register(ledgerRoutes)
    await calls.register(reconciliationRoutes)
  })
  return app as unknown as FastifyInstance
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

function safeRequestId(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && idPattern.test(id) ? id : undefined
}

class NotUtf8Error extends Error {
  readonly statusCode = 400

  constructor() {
    super('Body is not valid UTF-8')
  }
}

/** A call that may go without a body may say `content-type: application/json` and send none. */
function acceptEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    // Decoding would put a replacement character where the client had something else.
    else if (!isUtf8(body as Buffer)) done(new NotUtf8Error())
    else parse(request, body.toString(), done)
  })
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.body === undefined || request.body === null) {
      const { body } = (request.routeOptions.schema ?? {}) as { body?: { required?: string[] } }
      if (body && !body.required?.length) request.body = {}
    }
    done()
  })
}

async function registerDocumentation(app: FastifyInstance, options: AppOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: options.version,
        description:
          'Stock reservations that never sell a unit twice. Every call may name a store in the header `Holdfast-Store`. 503 and a lost connection mean that the effect is unknown: repeat the call with the same key.',
      },
      tags: [
        { name: 'reservations', description: 'Units held for a customer.' },
        { name: 'stock', description: 'Counts of SKUs.' },
        { name: 'ledger', description: 'Every change, as MySQL holds it.' },
        { name: 'reconciliation', description: 'Redis compared with MySQL, and repair.' },
        { name: 'operation', description: 'For orchestrators and monitors.' },
      ],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      ...(options.apiKeys.length > 0 && { security: [{ apiKey: [] }] }),
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
