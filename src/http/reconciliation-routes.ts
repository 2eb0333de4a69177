import { Socket } from 'node:net'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { pageItemsDefault } from '../domain/limits.js'
import { isRefusal } from '../domain/outcomes.js'
import { formatPosition } from '../domain/position.js'
import type { ReconciliationReport } from '../domain/reconciliation.js'
import { readReport, readReports } from '../ledger/reconciliation-reports.js'
import { sendRefusal } from './problem.js'
import * as schemas from './schemas.js'

const tags = ['reconciliation']

/** Compare Redis with MySQL, repair what differs, and read what earlier comparisons found. */
export const reconciliationRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.route({
    method: 'POST',
    url: '/v1/reconciliations',
    config: { scopes: ['console'] },
    schema: {
      tags,
      operationId: 'reconcile',
      summary: 'Compare Redis with MySQL at the same position; correct what differs when asked to',
      description:
        'Selling goes on meanwhile. The answer comes when the run is done; its report is kept. A run that is refused ' +
        'after it has corrected something leaves a report of that, whose `complete` is false.',
      body: schemas.ReconcileBody,
      response: schemas.answers({ 200: schemas.answer(schemas.Reconciliation, 'What was found.') }, [
        'rate-limited',
        'body-too-large',
        'unsupported-media-type',
        'unknown-sku',
        'reconciliation-running',
        'store-fenced',
        'ledger-behind',
        'memory-full',
        'redis-unavailable',
        'mysql-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const { store } = request
      const { repair = false, skus } = request.body
      const { fence } = store
      if (fence.reason) return sendRefusal(reply, { refused: 'store-fenced' }, fence.reason)
      const actor = request.apiKey?.name
      const report = await withoutIdleTimeout(request, () => store.reconciler.run({ repair, skus, actor }))
      return isRefusal(report) ? sendRefusal(reply, report, fence.reason) : present(report)
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/reconciliations',
    config: { scopes: ['console'] },
    schema: {
      tags,
      operationId: 'listReconciliations',
      summary: 'List the reports of a store, the newest first',
      description: 'Those of the worker too, which compares regularly and repairs nothing.',
      querystring: schemas.ReconciliationsQuery,
      response: schemas.answers({ 200: schemas.answer(schemas.ReconciliationPage, 'A page of reports.') }, [
        'rate-limited',
        'mysql-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const { cursor, limit = String(pageItemsDefault) } = request.query
      const before = cursor === undefined ? undefined : Number(cursor)
      const reports = await fromMysql(request, () =>
        readReports(request.store.ledger, before, Number(limit) + 1),
      )
      if (reports === 'failed') return sendRefusal(reply, { refused: 'mysql-unavailable' })
      const items = reports.slice(0, Number(limit)).map(present)
      const last = items.at(-1)
      return { items, nextCursor: last && reports.length > items.length ? String(last.id) : null }
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/reconciliations/:id',
    config: { scopes: ['console'] },
    schema: {
      tags,
      operationId: 'readReconciliation',
      summary: 'Read a report',
      description: 'The report of one run, as it was answered then.',
      params: schemas.ReconciliationParams,
      response: schemas.answers({ 200: schemas.answer(schemas.Reconciliation, 'The report.') }, [
        'rate-limited',
        'unknown-reconciliation',
        'mysql-unavailable',
      ]),
    },
    handler: async (request, reply) => {
      const report = await fromMysql(request, () =>
        readReport(request.store.ledger, Number(request.params.id)),
      )
      if (report === 'failed') return sendRefusal(reply, { refused: 'mysql-unavailable' })
      return report ? present(report) : sendRefusal(reply, { refused: 'unknown-reconciliation' })
    },
  })

  done()
}

async function fromMysql<T>(request: FastifyRequest, read: () => Promise<T>): Promise<T | 'failed'> {
  return read().catch((error: unknown) => {
    request.log.warn({ err: error, requestId: request.id }, 'the reports cannot be read')
    return 'failed' as const
  })
}

/** Comparing a large store takes longer than a silent connection is kept. */
async function withoutIdleTimeout<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  const { socket } = request.raw
  // A call that was injected has none.
  if (!(socket instanceof Socket)) return work()
  const timeoutMs = socket.timeout ?? 0
  socket.setTimeout(0)
  try {
    return await work()
  } finally {
    socket.setTimeout(timeoutMs)
  }
}

function present(report: ReconciliationReport): schemas.ReconciliationAnswer {
  const { position, startedAtMs, ...rest } = report
  return { ...rest, position: formatPosition(position), startedAt: new Date(startedAtMs).toISOString() }
}
