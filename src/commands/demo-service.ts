import { fileURLToPath } from 'node:url'
import type { Config } from '../config.js'
import { type Service, startServiceProcesses } from '../demo/service-processes.js'

const mainFile = fileURLToPath(new URL('../main.js', import.meta.url))

/** Runs an API and a worker for a store of the demonstration's own, on servers that are given. */
export function startDemoService(config: Config, store: string): Promise<Service> {
  return startServiceProcesses(mainFile, serviceEnvironment(config, store))
}

/** What is set stays set, but for what makes the service the demonstration's own. */
function serviceEnvironment(config: Config, store: string): Record<string, string | undefined> {
  return {
    ...process.env,
    REDIS_URL: config.redisUrl,
    DATABASE_URL: config.databaseUrl,
    HOLDFAST_STORES: store,
    // Nobody balances between it and another.
    HOLDFAST_DRAIN_MS: '0',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'info',
  }
}
