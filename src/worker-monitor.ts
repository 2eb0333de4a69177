import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Config } from './config.js'
import { openShell } from './http/http-shell.js'
import { inspectServers } from './http/readiness.js'
import { Findings } from './http/readiness-problems.js'
import { type WorkerReadiness, workerRoutes } from './http/worker-routes.js'
import type { Database } from './ledger/database.js'
import { HttpMetrics } from './metrics/http-metrics.js'
import type { ProcessMetrics } from './metrics/process-metrics.js'
import { type PartReport, watchReadiness } from './metrics/readiness-metrics.js'

/** What a monitor is told of the work on a store. */
interface MonitoredWork {
  fence: { readonly reason: string | undefined }
  writer: { readonly problem: string | undefined; readonly holdsLease: boolean }
}

export interface MonitoredWorker {
  redis: Redis
  database: Database
  stores: ReadonlyMap<string, MonitoredWork>
}

/** Listens for monitors where the configuration says. @returns what closes it, and its URL. */
export async function listenForMonitors(
  worker: MonitoredWorker,
  config: Config,
  metrics: ProcessMetrics,
  log: Logger,
): Promise<{ url: string; close(): Promise<void> }> {
  const { registry } = metrics
  const inspect = () => inspectWorker(worker)
  watchReadiness(registry, inspect)
  const app = openShell({
    logger: log,
    metrics: new HttpMetrics(registry),
    isDraining: () => false,
    connections: config,
  }) as unknown as FastifyInstance
  await app.register(workerRoutes, { registry, readiness: async () => (await inspect()).readiness })
  await app.listen({ host: config.host, port: config.workerPort })
  const { port } = app.server.address() as AddressInfo
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `http://${host}:${port}`, close: () => endMonitors(app, config.shutdownMs) }
}

/** Closes the app; what is not finished in time is cut off. */
async function endMonitors(app: FastifyInstance, ms: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), ms)
  await app.close()
  clearTimeout(timer)
}

/** Never rejects. */
async function inspectWorker({
  redis,
  database,
  stores,
}: MonitoredWorker): Promise<PartReport & { readiness: WorkerReadiness }> {
  const findings = new Findings()
  const { parts } = await inspectServers(redis, database, findings)
  const { reasons, problems } = findings
  const report: WorkerReadiness['stores'] = {}
  let works = true
  for (const [name, { fence, writer }] of stores) {
    if (fence.reason) findings.addOfStore(name, 'fenced', `The store ${name} is fenced: ${fence.reason}.`)
    if (writer.problem) {
      works = false
      findings.addOfStore(
        name,
        'standstill',
        `The ledger of the store ${name} is not being persisted; the log of this worker says why.`,
      )
    }
    report[name] = { open: !fence.reason, writes: writer.holdsLease && !writer.problem }
  }
  const ready = parts.redis && parts.mysql && works
  return { readiness: { ready, reasons, stores: report }, parts: { ...parts, writer: works }, problems }
}
