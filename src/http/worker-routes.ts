import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Registry } from 'prom-client'

/** How a worker is, for people and for those who restart it. */
export interface WorkerReadiness {
  /** Whether it persists and expires, or stands by for the worker that does. */
  ready: boolean
  /** What is wrong, in sentences; `ready` may still be true. */
  reasons: string[]
  stores: Record<string, { open: boolean; writes: boolean }>
}

export interface WorkerRoutesOptions {
  readiness(): Promise<WorkerReadiness>
  registry: Registry
}

/**
 * What a monitor asks of a worker: the three paths that need no key at the API either, and nothing else.
 * They read no body and change nothing.
 */
export const workerRoutes: FastifyPluginCallbackTypebox<WorkerRoutesOptions> = (
  app,
  { readiness, registry },
  done,
) => {
  app.get('/healthz', async () => ({ status: 'alive' }))
  app.get('/readyz', async (_request, reply) => {
    const report = await readiness()
    return reply.code(report.ready ? 200 : 503).send(report)
  })
  app.get('/metrics', async (_request, reply) =>
    reply.header('content-type', registry.contentType).send(await registry.metrics()),
  )
  done()
}
