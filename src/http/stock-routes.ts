import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { pageItemsDefault } from '../domain/limits.js'
import { isRefusal } from '../domain/outcomes.js'
import type { Position } from '../domain/position.js'
import type { Stock } from '../domain/stock.js'
import { beginWay } from './call-way.js'
import { checkIdempotencyKey, idempotencyKeyHeader, idempotencyKeyOf } from './idempotency-key.js'
import { sendRefusal, setPosition } from './problem.js'
import * as schemas from './schemas.js'

const tags = ['stock']

/** Read, set and adjust what a store has on its shelves. */
export const stockRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.route({
    method: 'GET',
    url: '/v1/stock/:sku',
    config: { scopes: ['stock:read', 'console'] },
    schema: {
      tags,
      operationId: 'readStock',
      summary: 'Read the counts of a SKU',
      description:
        'As Redis has them now. A count that was read may be gone by the next call: reserve to have it.',
      params: schemas.SkuParams,
      response: schemas.positionedAnswers({ 200: schemas.answer(schemas.Stock, 'The counts.') }, [
        'rate-limited',
        'unknown-sku',
        'store-fenced',
        'redis-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const { sku } = request.params
      const { reader, fence } = request.store
      const read = await reader.stock([sku])
      if (isRefusal(read)) return sendRefusal(reply, read, fence.reason)
      const { items, position } = read
      if (items[0]) return presentAt(reply, items[0], position)
      return sendRefusal(reply, { refused: 'unknown-sku', skus: [sku], position })
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/stock',
    config: { scopes: ['stock:read', 'console'] },
    schema: {
      tags,
      operationId: 'listStock',
      summary: 'List SKUs in order, a page at a time; all of them, or those with a prefix',
      description:
        'In the order of their bytes. A SKU that is created meanwhile is met on a later page, or not at all.',
      querystring: schemas.StockQuery,
      response: schemas.positionedAnswers({ 200: schemas.answer(schemas.StockPage, 'A page of SKUs.') }, [
        'rate-limited',
        'store-fenced',
        'redis-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const { cursor = '', limit = String(pageItemsDefault), search = '' } = request.query
      const { reader, fence } = request.store
      const page = await reader.list(cursor, Number(limit) + 1, search)
      if (isRefusal(page)) return sendRefusal(reply, page, fence.reason)
      setPosition(reply, page.position)
      const items = page.items.slice(0, Number(limit)).map(present)
      return { items, nextCursor: page.items.length > items.length ? (items.at(-1)?.sku ?? null) : null }
    },
  })

  app.route({
    method: 'PUT',
    url: '/v1/stock/:sku',
    config: { scopes: ['stock:write', 'console'] },
    schema: {
      tags,
      operationId: 'setStock',
      summary: 'Set the stock on hand to what was counted; creates the SKU',
      description:
        'What is held stays held: available becomes onHand - held. Setting what is already so changes nothing.',
      params: schemas.SkuParams,
      body: schemas.SetStockBody,
      response: schemas.positionedAnswers(
        {
          200: schemas.answer(schemas.Stock, 'The counts after it.'),
          201: schemas.answer(schemas.Stock, 'The SKU is new.', { available: 100, held: 0, sold: 0 }),
        },
        [...schemas.everyChange, 'rate-limited', 'below-held'],
      ),
    },
    handler: async (request, reply) => {
      const { store } = request
      const { passage } = beginWay(request, 'set')
      const { sku } = request.params
      const result = await store.gate.setStock(sku, request.body.onHand, request.apiKey?.name, passage)
      if (isRefusal(result)) return sendRefusal(reply, result, store.fence.reason)
      return presentAt(reply.code(result.created ? 201 : 200), result.stock, result.position)
    },
  })

  app.route({
    method: 'POST',
    url: '/v1/stock/:sku/adjustments',
    config: { scopes: ['stock:write', 'console'] },
    schema: {
      tags,
      operationId: 'adjustStock',
      summary: 'Add units to, or take units from, what is available',
      description: 'For goods that came back or broke. With a key, a repeat adds them once.',
      headers: idempotencyKeyHeader,
      params: schemas.SkuParams,
      body: schemas.AdjustBody,
      response: schemas.positionedAnswers({ 200: schemas.answer(schemas.Stock, 'The counts after it.') }, [
        ...schemas.everyChange,
        'rate-limited',
        'unknown-sku',
        'insufficient-stock',
        'idempotency-key-reused',
      ]),
    },
    onRequest: checkIdempotencyKey,
    handler: async (request, reply) => {
      const { store } = request
      const { quantity, reason } = request.body
      const result = await store.gate.adjustStock(
        request.params.sku,
        quantity,
        reason,
        idempotencyKeyOf(request),
        request.apiKey?.name,
        beginWay(request, 'adjust').passage,
      )
      if (isRefusal(result)) return sendRefusal(reply, result, store.fence.reason)
      if (result.replayed) reply.header('idempotency-replayed', 'true')
      return presentAt(reply, result.stock, result.position)
    },
  })

  done()
}

function presentAt(reply: FastifyReply, stock: Stock, position: Position): FastifyReply {
  return setPosition(reply, position).send(present(stock))
}

function present({ sku, available, held, sold }: Stock): schemas.StockAnswer {
  return { sku, available, held, sold, onHand: available + held }
}
