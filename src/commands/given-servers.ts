import { resolve } from 'node:path'
import { type Config, ConfigError } from '../config.js'
import { findPrivateServers } from '../embedded/private-servers.js'
import { StartupError } from '../embedded/startup-error.js'
import { connectionFailure } from '../ledger/connection-failure.js'

/** @throws ConfigError when a command that runs against given servers was given none. */
export function requireServers(config: Config, command: string): void {
  if (config.redisUrl === '') {
    throw new ConfigError(`holdfast ${command} needs REDIS_URL and DATABASE_URL to be set.`)
  }
}

/**
 * The configuration with the servers that an administrator's command works on: those given, or else the
 * private ones of the `holdfast start` that runs on the data folder.
 *
 * @throws ConfigError when there are neither.
 */
export async function reachServers(config: Config, command: string): Promise<Config> {
  if (config.redisUrl !== '') return config
  const folder = resolve(config.dataFolder)
  const servers = await findPrivateServers(folder)
  if (servers) return { ...config, ...servers }
  throw new ConfigError(
    `holdfast ${command} needs REDIS_URL and DATABASE_URL to be set, or "holdfast start" to run on the data folder ${folder}.`,
  )
}

/**
 * Turns what a failed start throws into one sentence for the person at the terminal.
 *
 * @param listens which port it was to listen on, and the variable that sets it.
 */
export function startupError(
  error: unknown,
  config: Config,
  listens = { port: config.port, variable: 'PORT' },
): Error {
  if (!(error instanceof Error)) return new StartupError(String(error))
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new StartupError(
      `Port ${listens.port} on ${config.host} is in use; set ${listens.variable} to another one.`,
    )
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new StartupError(`Holdfast cannot listen on ${config.host} port ${listens.port} (${code}).`)
  }
  if (error.message.startsWith('Redis cannot be reached')) return new StartupError(`${error.message}.`)
  return error
}

/** An error on one line, for the end of a sentence, and without Prisma's account of its own call. */
export function reasonOf(error: unknown): string {
  const text = connectionFailure(error) ?? (error instanceof Error ? error.message : String(error))
  return text
    .replace(/^\s*Invalid `[^`]*` invocation:/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '')
}
