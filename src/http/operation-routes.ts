import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Registry } from 'prom-client'
import type { Readiness } from './readiness.js'
import * as schemas from './schemas.js'

export interface OperationRoutesOptions {
  readiness(): Promise<Readiness>
  registry: Registry
}

/** No key is asked for: an orchestrator and a monitor have none. */
const open = { tags: ['operation'], security: [] }
const stopping = schemas.refusalAnswers(['stopping'])[503]

/** What an orchestrator and a monitor ask. */
export const operationRoutes: FastifyPluginCallbackTypebox<OperationRoutesOptions> = (app, options, done) => {
  app.get(
    '/healthz',
    {
      schema: {
        ...open,
        operationId: 'readHealth',
        summary: 'Whether the process is alive',
        description: 'Asks neither Redis nor MySQL. Restart a process that does not answer.',
        response: {
          200: schemas.answer(schemas.Health, 'It is alive.'),
          ...schemas.refusalAnswers(['stopping']),
        },
      },
    },
    async () => ({ status: 'alive' }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        ...open,
        operationId: 'readReadiness',
        summary: 'Whether stock can be changed, and what the answers promise',
        description: 'Send calls only to a process that answers 200.',
        response: {
          200: schemas.answer(
            schemas.Readiness,
            'Stock can be changed; `reasons` says what is weaker than it could be. `takesHolds` is false while new reservations are paused.',
          ),
          503: {
            description: `No stock can be changed; \`reasons\` says why. ${stopping?.description}`,
            content: {
              'application/json': { schema: schemas.Readiness, examples: { fenced: { value: fenced } } },
              ...stopping?.content,
            },
          },
        },
      },
    },
    async (_request, reply) => {
      const readiness = await options.readiness()
      return reply.code(readiness.ready ? 200 : 503).send(readiness)
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        ...open,
        operationId: 'readMetrics',
        summary: 'Figures for Prometheus',
        description: 'In the text format of Prometheus.',
        response: {
          200: {
            description: 'The figures.',
            content: {
              'text/plain': {
                schema: { type: 'string' },
                examples: { figure: { value: 'holdfast_reservations_held{store="main"} 6\n' } },
              },
            },
          },
          ...schemas.refusalAnswers(['internal-error', 'stopping']),
        },
      },
    },
    async (_request, reply) => {
      const { registry } = options
      return reply.header('content-type', registry.contentType).send(await registry.metrics())
    },
  )

  done()
}

const fenced: Readiness = {
  ready: false,
  reasons: ['The store main is fenced: Redis and MySQL are being compared.'],
  problems: [{ part: 'store', problem: 'fenced', store: 'main' }],
  promises: { holdSurvivesRedisCrash: true, confirmSurvivesLossOfEitherStore: true },
  stores: { main: { open: false, takesHolds: false, entriesBehind: 0 } },
}
