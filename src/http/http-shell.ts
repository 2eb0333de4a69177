import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
  LogController,
} from 'fastify'
import { bodyBytesMax } from '../domain/limits.js'
import type { HttpMetrics } from '../metrics/http-metrics.js'
import type { CallWatch } from './call-watch.js'
import { boundConnections, type ConnectionBounds, connectionOptions } from './connection-bounds.js'
import { handleError, sendProblem } from './problem.js'
import { securityHeaders } from './security-headers.js'

export interface ShellOptions {
  logger: FastifyBaseLogger
  /** Counts the calls. */
  metrics: HttpMetrics
  /** Whether the process is about to stop: clients are to come back on another connection. */
  isDraining(): boolean
  connections: ConnectionBounds
  /** Looks at what was answered. */
  watch?: CallWatch | undefined
}

/**
 * What every call passes before and after its route: Fastify's options, its hooks and the parser of
 * bodies. Apart from the routes, so that the benchmark serves other ways to reserve behind the same.
 */
export function openShell(o: ShellOptions) {
  const app = Fastify({
    loggerInstance: o.logger,
    // A line for each call would cost more than the call; failures and slow calls have their own.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => safeRequestId(request.headers['x-request-id']) ?? randomUUID(),
    // Nor a logger: what is logged of a call names it.
    childLoggerFactory: (logger) => logger,
    bodyLimit: bodyBytesMax,
    ...connectionOptions(o.connections),
    forceCloseConnections: 'idle',
    // Calls that still arrive while it closes are answered below, in the form of every other refusal.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256 },
    // A path that cannot be decoded never reaches the error handler below.
    frameworkErrors: (error, request, reply) => {
      handleError(error, request, reply.headers(securityHeaders))
    },
    schemaErrorFormatter: describeInvalid,
    // Nothing is coerced, dropped or filled in: what is not as documented is refused.
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  boundConnections(app.server, o.connections, () => o.metrics.droppedConnections.add())
  app.setErrorHandler(handleError)
  app.setNotFoundHandler(answerNotFound)
  // A client that expects what is not known gets its answer; Node's own would be an empty 417.
  app.server.on('checkExpectation', app.routing)
  acceptEmptyBodies(app)
  let stopping = false
  app.addHook('preClose', (done) => {
    stopping = true
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders).header('x-request-id', request.id)
    if (stopping || o.isDraining()) reply.header('connection', 'close')
    if (stopping) sendProblem(reply, 'stopping', 'Repeat the call.')
    else if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      sendProblem(reply, 'invalid-request', 'A request of HTTP/1.1 names its Host.')
      // Whatever its body is: that is not read.
    } else if (request.is404) answerNotFound(request, reply)
    else done()
  })
  // In the shape of every request from the start: a field that is added later makes each of them slower.
  app.decorateRequest('way', undefined)
  const { watch } = o
  app.addHook('onRoute', (route) => {
    const figures = o.metrics.route(String(route.method), route.url)
    route.onResponse = (request, reply, done) => {
      const ms = reply.elapsedTime
      figures.answered(reply.statusCode, ms)
      watch?.answered(request, reply, ms)
      done()
    }
  })
  return app
}

function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(reply, 'not-found', `There is no ${request.method} ${request.url.split('?', 1)[0]}.`)
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/

function safeRequestId(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && idPattern.test(id) ? id : undefined
}

const fieldLengthShown = 64

/** Says where a call is not as described and why; of a field that it does not have, the name too. */
function describeInvalid(faults: FastifySchemaValidationError[], part: string): Error {
  const sentences = faults.map(({ instancePath, message, params }) => {
    const { additionalProperty: field } = params
    const named = typeof field === 'string' ? `: ${JSON.stringify(field.slice(0, fieldLengthShown))}` : ''
    return `${part}${instancePath} ${message}${named}`
  })
  return new Error(sentences.join(', '))
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
    if (request.body === undefined) {
      const { body } = (request.routeOptions.schema ?? {}) as { body?: { required?: string[] } }
      if (body && !body.required?.length) request.body = {}
    }
    done()
  })
}
