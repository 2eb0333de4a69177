import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { readConfig } from '#product/config.js'
import type { ShortLine } from '#product/domain/outcomes.js'
import { openShell } from '#product/http/http-shell.js'
import { checkIdempotencyKey, idempotencyKeyHeader, idempotencyKeyOf } from '#product/http/idempotency-key.js'
import { sendRefusal } from '#product/http/problem.js'
import { everyChange, positionedAnswers, Reservation, ReserveBody } from '#product/http/schemas.js'
import { openLog } from '#product/log.js'
import { HttpMetrics } from '#product/metrics/http-metrics.js'
import { openRegistry } from '#product/metrics/process-metrics.js'

export type ReserveRequest = Static<typeof ReserveBody>
export type ReservationAnswer = Static<typeof Reservation>

/** Holds the units, or says which lines are short. */
export type Reserve = (
  request: ReserveRequest,
  idempotencyKey: string,
) => ReservationAnswer | ShortLine[] | Promise<ReservationAnswer | ShortLine[]>

/**
 * The product's route to reserve, with its schemas and serializer, in front of another way to reserve.
 * What surrounds the route is the product's own (`openShell`); only its choice of a store is not here.
 */
export function buildReserveApp(reserve: Reserve): FastifyInstance {
  const app = openShell({
    logger: openLog('error', 'bench'),
    metrics: new HttpMetrics(openRegistry('bench')),
    isDraining: () => false,
    connections: readConfig({}),
  })
  app.route({
    method: 'POST',
    url: '/v1/reservations',
    schema: {
      headers: idempotencyKeyHeader,
      body: ReserveBody,
      response: positionedAnswers({ 200: Reservation, 201: Reservation }, [
        ...everyChange,
        'holds-paused',
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
