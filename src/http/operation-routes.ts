import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Metrics } from './metrics.js'
import type { Readiness } from './readiness.js'

export interface OperationRoutesOptions {
  readiness(): Promise<Readiness>
  metrics: Metrics
}

const tags = ['operation']

/** What an orchestrator and a monitor ask. */
export const operationRoutes: FastifyPluginCallbackTypebox<OperationRoutesOptions> = (app, options, done) => {
  app.get('/healthz', { schema: { tags, summary: 'Whether the process is alive' } }, async () => ({
    status: 'alive',
  }))

  app.get(
    '/readyz',
    {
      schema: {
        tags,
        summary: 'Whether stock can be changed, and what the answers promise',
        response: {
          200: {
            description:
              'Stock can be changed; `reasons` says what is weaker than it could be. `takesHolds` is false while new reservations are paused.',
          },
          503: { description: 'No stock can be changed; `reasons` says why.' },
        },
      },
    },
    async (_request, reply) => {
      const readiness = await options.readiness()
      return reply.code(readiness.ready ? 200 : 503).send(readiness)
    },
  )

  app.get('/metrics', { schema: { tags, summary: 'Figures for Prometheus' } }, async (_request, reply) => {
    const { registry } = options.metrics
    return reply.header('content-type', registry.contentType).send(await registry.metrics())
  })

  done()
}
