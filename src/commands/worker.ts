import type { Config } from '../config.js'
import { openLog } from '../log.js'
import { openTracing } from '../tracing/tracing.js'
import { version } from '../version.js'
import { startWorker } from '../worker.js'
import { requireServers, startupError } from './given-servers.js'
import { stopSignal } from './stop-signal.js'

/** Persists and expires until it is told to stop. */
export async function runWorker(config: Config): Promise<number> {
  requireServers(config, 'worker')
  const log = openLog(config.logLevel, 'worker')
  const stopped = stopSignal()
  const tracing = await openTracing(process.env, 'holdfast-worker', version)
  const worker = await startWorker(config, log, { tracing }).catch((error) => {
    throw startupError(error, config)
  })
  try {
    const url = await worker.listen()
    log.info({ stores: config.stores, url }, 'the worker runs')
    log.info({ signal: await stopped }, 'the worker stops')
  } catch (error) {
    throw startupError(error, config, { port: config.workerPort, variable: 'HOLDFAST_WORKER_PORT' })
  } finally {
    await worker.stop()
    await tracing?.stop()
  }
  return 0
}
