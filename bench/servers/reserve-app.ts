import { randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import type { Static } from 'typebox'
import { bodyBytesMax } from '#product/domain/limits.js'
import type { ShortLine } from '#product/domain/outcomes.js'
import { checkIdempotencyKey, idempotencyKeyHeader, idempotencyKeyOf } from '#product/http/idempotency-key.js'
import { Metrics } from '#product/http/metrics.js'
import { handleError, sendRefusal } from '#product/http/problem.js'
import { answers, everyChange, Reservation, ReserveBody } from '#product/http/schemas.js'
import { openLog } from '#product/log.js'

export type ReserveRequest = Static<typeof ReserveBody>
export type ReservationAnswer = Static<typeof Reservation>

/** Holds the units, or says which lines are short. */
export type Reserve = (
  request: ReserveRequest,
  idempotencyKey: string,
) => ReservationAnswer | ShortLine[] | Promise<ReservationAnswer | ShortLine[]>

/**
 * The product's route to reserve, with its schemas, its serializer, its limits and the hooks it runs
 * for each call, in front of another way to reserve. The schemas are the product's own; that the
 * answer looks like the product's, header by header, is compared at the start of a run
 * (`answer-likeness.ts`).
 */
export function buildReserveApp(reserve: Reserve): FastifyInstance {
  const metrics = new Metrics(new Map())
  const app = Fastify({
    loggerInstance: openLog('error', 'bench'),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: bodyBytesMax,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 75_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setErrorHandler(handleError)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    metrics.countCall(request.routeOptions.url ?? 'unknown', reply.statusCode)
    done()
  })
  app.route({
    method: 'POST',
    url: '/v1/reservations',
    schema: {
      headers: idempotencyKeyHeader,
      body: ReserveBody,
      response: answers({ 200: Reservation, 201: Reservation }, [
        ...everyChange,
        'unknown-sku',
        'insufficient-stock',
        'idempotency-key-reused',
      ]),
    },
    onRequest: checkIdempotencyKey,
    handler: async (request, reply) => {
      const result = await reserve(request.body, idempotencyKeyOf(request) ?? randomUUID())
      if (Array.isArray(result)) return sendRefusal(reply, { refused: 'insufficient-stock', lines: result })
      return reply.code(201).header('holdfast-position', '1-1').send(result)
    },
  })
  return app as unknown as FastifyInstance
}

/** A reservation as the product would answer it. */
export function answerOf(id: string, request: ReserveRequest, nowMs: number): ReservationAnswer {
  return {
    id,
    state: 'held',
    customerId: request.customerId,
    ...(request.orderId !== undefined && { orderId: request.orderId }),
    lines: request.lines,
    createdAt: new Date(nowMs).toISOString(),
    expiresAt: new Date(nowMs + (request.ttlSeconds ?? 900) * 1000).toISOString(),
  }
}
