import { startApi } from '../api.js'
import type { Config } from '../config.js'
import { openLog } from '../log.js'
import { openTracing } from '../tracing/tracing.js'
import { version } from '../version.js'
import { requireServers, startupError } from './given-servers.js'
import { stopSignal } from './stop-signal.js'

/** Serves the API until it is told to stop. */
export async function runApi(config: Config): Promise<number> {
  requireServers(config, 'api')
  const log = openLog(config.logLevel, 'api')
  const stopped = stopSignal()
  const tracing = await openTracing(process.env, 'holdfast-api', version)
  const api = await startApi(config, log, { tracing }).catch((error) => {
    throw startupError(error, config)
  })
  try {
    const url = await api.listen()
    log.info({ url, stores: config.stores }, 'the API listens')
    log.info({ signal: await stopped }, 'the API stops')
  } catch (error) {
    throw startupError(error, config)
  } finally {
    await api.stop()
    await tracing?.stop()
  }
  return 0
}
