import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { pageItemsDefault } from '../domain/limits.js'
import { formatPosition, origin, parsePosition } from '../domain/position.js'
import { sendRefusal } from './problem.js'
import * as schemas from './schemas.js'

/** The story of a SKU or a reservation, as MySQL holds it. */
export const ledgerRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.route({
    method: 'GET',
    url: '/v1/ledger',
    config: { scopes: ['stock:read', 'console'] },
    schema: {
      tags: ['ledger'],
      operationId: 'readLedger',
      summary: 'Read the ledger in order, all of it or that of a SKU or a reservation',
      description: 'Every change of stock, as MySQL holds it: the newest ones may be missing for a moment.',
      querystring: schemas.LedgerQuery,
      response: schemas.answers({ 200: schemas.answer(schemas.LedgerPage, 'A page of entries.') }, [
        'rate-limited',
        'mysql-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const { sku, reservationId, after, order = 'oldest', limit = String(pageItemsDefault) } = request.query
      const entries = await request.store.ledger
        .entries({
          sku,
          // As it is made: a client may write it in capitals.
          reservationId: reservationId?.toLowerCase(),
          after: (after && parsePosition(after)) || (order === 'oldest' ? origin : undefined),
          order,
          limit: Number(limit) + 1,
        })
        .catch((error: unknown) => {
          request.log.warn({ err: error, requestId: request.id }, 'the ledger cannot be read')
          return undefined
        })
      if (!entries) return sendRefusal(reply, { refused: 'mysql-unavailable' })
      const items = entries.slice(0, Number(limit)).map((entry) => ({
        position: formatPosition(entry.position),
        kind: entry.kind,
        occurredAt: entry.occurredAt.toISOString(),
        ...(entry.reservationId !== undefined && { reservationId: entry.reservationId }),
        lines: entry.lines,
        ...(entry.reason !== undefined && { reason: entry.reason }),
        ...(entry.actor !== undefined && { actor: entry.actor }),
      }))
      return { items, nextCursor: entries.length > items.length ? (items.at(-1)?.position ?? null) : null }
    },
  })

  done()
}
