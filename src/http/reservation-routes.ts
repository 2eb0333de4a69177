import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { quantityMax } from '../domain/limits.js'
import { isRefusal, type Refusal } from '../domain/outcomes.js'
import { type Reservation, sumLines } from '../domain/reservation.js'
import type { ReservationOn } from '../stock/gate.js'
import { beginWay } from './call-way.js'
import { checkIdempotencyKey, idempotencyKeyHeader, idempotencyKeyOf } from './idempotency-key.js'
import { settling } from './load-shedding.js'
import { sendProblem, sendRefusal, setPosition } from './problem.js'
import type { RateLimits } from './rate-limit.js'
import * as schemas from './schemas.js'
import type { StoreServices } from './store-services.js'

export interface ReservationRoutesOptions {
  ttlSecondsDefault: number
  confirmWaitMs: number
  rateLimits: RateLimits
}

const tags = ['reservations']

/** How the examples of the calls differ from a new reservation. */
const read = { persisted: true }
const confirmed = {
  state: 'confirmed',
  paymentRef: 'payment-99',
  closedAt: '2026-12-12T12:03:20.000Z',
} as const
const released = { state: 'released', closedAt: '2026-12-12T12:03:20.000Z', persisted: false } as const
const extended = { expiresAt: '2026-12-12T12:35:00.000Z', persisted: false }

/** In lower case, as ids are made; a client may write one in capitals (RFC 9562, section 4). */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Reserve at checkout, confirm at payment, release on cancel, extend while the shopper pays. */
export const reservationRoutes: FastifyPluginCallbackTypebox<ReservationRoutesOptions> = (
  app,
  options,
  done,
) => {
  app.route({
    method: 'POST',
    url: '/v1/reservations',
    config: { scopes: ['reservations:write'] },
    schema: {
      tags,
      operationId: 'reserve',
      summary: 'Hold units for a customer until a deadline, all lines or none',
      description:
        'Send it when the checkout begins, with a key that is the same for each attempt, such as the id of the order. Every short line is named in the refusal.',
      headers: idempotencyKeyHeader,
      body: schemas.ReserveBody,
      response: schemas.positionedAnswers(
        {
          200: schemas.answer(
            schemas.Reservation,
            'The key had made this reservation; it is shown as it is now.',
            {
              persisted: true,
            },
          ),
          201: schemas.answer(schemas.Reservation, 'The units are held until the deadline.'),
        },
        [
          ...schemas.everyChange,
          'rate-limited',
          'holds-paused',
          'unknown-sku',
          'insufficient-stock',
          'idempotency-key-reused',
        ],
      ),
    },
    onRequest: checkIdempotencyKey,
    handler: async (request, reply) => {
      const { store, body } = request
      const wanted = {
        customerId: body.customerId,
        orderId: body.orderId,
        ttlSeconds: body.ttlSeconds ?? options.ttlSecondsDefault,
        lines: sumLines(body.lines),
      }
      if (wanted.lines.some((line) => line.quantity > quantityMax)) {
        return sendProblem(
          reply,
          'invalid-request',
          'The lines of one SKU add up to more than 1,000,000 units.',
        )
      }
      const { reason } = store.guard
      if (reason) return sendRefusal(reply, { refused: 'holds-paused', reason })
      const { customer } = options.rateLimits
      if (customer && !(await customer.admits(`${store.gate.store}:${body.customerId}`, reply))) return reply
      const result = await store.gate.reserve(
        wanted,
        idempotencyKeyOf(request),
        beginWay(request, 'reserve').passage,
      )
      if (isRefusal(result)) {
        if (isShortage(result)) store.refusals.count()
        return refuse(reply, store, result)
      }
      const { reservation, replayed } = result
      if (replayed) {
        reply.header('idempotency-replayed', 'true')
        return presentPersisted(reply, store, result)
      }
      store.scheduler.schedule(reservation.createdAtMs, reservation.expiresAtMs)
      return present(reply.code(201), reservation)
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/reservations/:id',
    config: { scopes: ['reservations:read', 'console'] },
    schema: {
      tags,
      operationId: 'readReservation',
      summary: 'Read a reservation',
      description: 'From Redis, or from MySQL once it ended longer ago than it is kept in Redis.',
      params: schemas.IdParams,
      response: schemas.positionedAnswers(
        { 200: schemas.answer(schemas.Reservation, 'The reservation.', read) },
        ['rate-limited', 'unknown-reservation', 'store-fenced', 'redis-unavailable', 'mysql-unavailable'],
      ),
    },
    handler: async (request, reply) => {
      const { store } = request
      const id = request.params.id.toLowerCase()
      if (!uuid.test(id)) return sendRefusal(reply, { refused: 'unknown-reservation' })
      const open = await store.reader.reservation(id)
      if (!isRefusal(open)) return presentPersisted(reply, store, open)
      if (open.refused !== 'unknown-reservation') return refuse(reply, store, open)
      const finished = await readFinished(store, id)
      return isRefusal(finished) ? refuse(reply, store, finished) : present(reply, finished, true)
    },
  })

  app.route({
    method: 'POST',
    url: '/v1/reservations/:id/confirm',
    config: { scopes: ['reservations:write'], ...settling },
    schema: {
      tags,
      operationId: 'confirm',
      summary: 'Sell the units: the customer has paid',
      description:
        '200: both Redis and MySQL hold the sale. 202: Redis holds it and MySQL has not confirmed yet; repeat the call or read the reservation to learn when it has.',
      params: schemas.IdParams,
      body: schemas.ConfirmBody,
      response: schemas.positionedAnswers(
        {
          200: schemas.answer(schemas.Reservation, 'Sold, and both Redis and MySQL hold it.', {
            ...confirmed,
            persisted: true,
          }),
          202: schemas.answer(schemas.Reservation, 'Sold; MySQL has not confirmed it yet.', {
            ...confirmed,
            persisted: false,
          }),
        },
        [
          ...schemas.everyChange,
          'mysql-unavailable',
          'unknown-reservation',
          'reservation-expired',
          'reservation-released',
          'payment-mismatch',
          'insufficient-stock',
        ],
      ),
    },
    handler: async (request, reply) => {
      const { store, body } = request
      const id = request.params.id.toLowerCase()
      if (!uuid.test(id)) return sendRefusal(reply, { refused: 'unknown-reservation' })
      const way = beginWay(request, 'confirm')
      const result = await store.gate.confirm(id, body.paymentRef, body.ifExpired ?? 'refuse', way.passage)
      if (isRefusal(result)) {
        if (result.refused !== 'unknown-reservation') return refuse(reply, store, result)
        return answerFinished(reply, store, id, 'confirmed', body.paymentRef)
      }
      const { reservation, server } = result
      const { confirmWaitMs } = options
      const persisted = await way.awaitMysql(
        store.watermark.waitFor(server, reservation.position, confirmWaitMs),
      )
      return present(reply.code(persisted ? 200 : 202), reservation, persisted)
    },
  })

  app.route({
    method: 'POST',
    url: '/v1/reservations/:id/release',
    config: { scopes: ['reservations:write'], ...settling },
    schema: {
      tags,
      operationId: 'release',
      summary: 'Give the units back: the customer cancelled',
      description: 'The units are available again at once. A repeat is answered as the first call was.',
      params: schemas.IdParams,
      body: schemas.ReleaseBody,
      response: schemas.positionedAnswers(
        {
          200: schemas.answer(
            schemas.Reservation,
            'The reservation, which holds no units any more.',
            released,
          ),
        },
        [
          ...schemas.everyChange,
          'mysql-unavailable',
          'unknown-reservation',
          'reservation-confirmed',
          'reservation-expired',
        ],
      ),
    },
    handler: async (request, reply) => {
      const { store } = request
      const id = request.params.id.toLowerCase()
      if (!uuid.test(id)) return sendRefusal(reply, { refused: 'unknown-reservation' })
      const result = await store.gate.release(id, beginWay(request, 'release').passage)
      if (!isRefusal(result)) return presentPersisted(reply, store, result)
      if (result.refused !== 'unknown-reservation') return refuse(reply, store, result)
      return answerFinished(reply, store, id, 'released', undefined)
    },
  })

  app.route({
    method: 'POST',
    url: '/v1/reservations/:id/extend',
    config: { scopes: ['reservations:write'], ...settling },
    schema: {
      tags,
      operationId: 'extend',
      summary: 'Move the deadline later',
      description: 'A deadline is never moved earlier: a call that asks for one changes nothing.',
      params: schemas.IdParams,
      body: schemas.ExtendBody,
      response: schemas.positionedAnswers(
        {
          200: schemas.answer(schemas.Reservation, 'The reservation with the deadline it has now.', extended),
        },
        [
          ...schemas.everyChange,
          'mysql-unavailable',
          'unknown-reservation',
          'reservation-confirmed',
          'reservation-released',
          'reservation-expired',
          'extension-limit',
        ],
      ),
    },
    handler: async (request, reply) => {
      const { store } = request
      const id = request.params.id.toLowerCase()
      if (!uuid.test(id)) return sendRefusal(reply, { refused: 'unknown-reservation' })
      const { ttlSeconds } = request.body
      const result = await store.gate.extend(id, ttlSeconds, beginWay(request, 'extend').passage)
      if (!isRefusal(result)) {
        // The deadline is in the future by Redis' clock: at least the seconds asked for, or more.
        const { expiresAtMs } = result.reservation
        store.scheduler.schedule(expiresAtMs - ttlSeconds * 1000, expiresAtMs)
        return presentPersisted(reply, store, result)
      }
      if (result.refused !== 'unknown-reservation') return refuse(reply, store, result)
      return answerFinished(reply, store, id, undefined, undefined)
    },
  })

  done()
}

/**
 * Answers a call on a reservation that has left Redis, by the state MySQL holds it in: a repeat of
 * the call that ended it is answered as before, any other is refused.
 */
async function answerFinished(
  reply: FastifyReply,
  store: StoreServices,
  id: string,
  repeatOf: 'confirmed' | 'released' | undefined,
  paymentRef: string | undefined,
) {
  const finished = await readFinished(store, id)
  if (isRefusal(finished)) return refuse(reply, store, finished)
  const { state } = finished
  if (state === repeatOf) {
    if (paymentRef !== undefined && paymentRef !== finished.paymentRef) {
      return sendRefusal(reply, { refused: 'payment-mismatch' })
    }
    return present(reply, finished, true)
  }
  // Open in MySQL and gone from Redis: the fence is about to close.
  if (state === 'held') return sendRefusal(reply, { refused: 'store-fenced' })
  return sendRefusal(reply, { refused: `reservation-${state}` })
}

async function readFinished(store: StoreServices, id: string): Promise<Reservation | Refusal> {
  try {
    return (await store.ledger.reservation(id)) ?? { refused: 'unknown-reservation' }
  } catch {
    return { refused: 'mysql-unavailable' }
  }
}

function isShortage({ refused }: Refusal): boolean {
  return refused === 'insufficient-stock' || refused === 'unknown-sku'
}

function refuse(reply: FastifyReply, store: StoreServices, refusal: Refusal): FastifyReply {
  return sendRefusal(reply, refusal, store.fence.reason)
}

async function presentPersisted(
  reply: FastifyReply,
  store: StoreServices,
  { reservation, server }: ReservationOn,
): Promise<FastifyReply> {
  return present(reply, reservation, await store.watermark.holds(server, reservation.position))
}

/** @param persisted whether MySQL holds its newest entry; left out of the answer of a new hold. */
function present(reply: FastifyReply, reservation: Reservation, persisted?: boolean): FastifyReply {
  const { id, state, customerId, orderId, lines, paymentRef, reacquired, closedAtMs } = reservation
  const answer: schemas.ReservationAnswer = {
    id,
    state,
    customerId,
    lines,
    createdAt: formatTime(reservation.createdAtMs),
    expiresAt: formatTime(reservation.expiresAtMs),
  }
  if (orderId !== undefined) answer.orderId = orderId
  if (paymentRef !== undefined) answer.paymentRef = paymentRef
  if (reacquired) answer.reacquired = true
  if (closedAtMs !== undefined) answer.closedAt = formatTime(closedAtMs)
  if (persisted !== undefined) answer.persisted = persisted
  return setPosition(reply, reservation.position).send(answer)
}

/** The calls of a batch share their times, so the last ones are remembered. */
const formattedTimes = new Map<number, string>()

/** RFC 3339 in UTC. */
function formatTime(ms: number): string {
  let text = formattedTimes.get(ms)
  if (text === undefined) {
    text = new Date(ms).toISOString()
    if (formattedTimes.size >= 64) formattedTimes.clear()
    formattedTimes.set(ms, text)
  }
  return text
}
