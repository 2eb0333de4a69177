import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Config } from '../config.js'
import { findPrivateServers, startPrivateServers } from '../embedded/private-servers.js'
import { reachServers } from './given-servers.js'
import { migrateDatabase } from './migrate.js'

/** The servers that a command works on, named by its configuration. */
export interface CommandServers {
  served: Config
  /** Ends what was started for the command. */
  close(): Promise<void>
}

/**
 * As `reachServers`, and where nobody runs the private servers of the data folder they are started for
 * as long as the command takes.
 *
 * @throws ConfigError when there is no such folder, StartupError when its servers cannot be started.
 */
export async function openCommandServers(config: Config, command: string): Promise<CommandServers> {
  const folder = resolve(config.dataFolder)
  const isStopped = config.redisUrl === '' && (await isFolder(folder)) && !(await findPrivateServers(folder))
  if (!isStopped) return { served: await reachServers(config, command), close: async () => {} }
  const servers = await startPrivateServers({
    folder,
    redisBytesMax: config.redisMemoryMb > 0 ? config.redisMemoryMb * 1024 * 1024 : undefined,
    // What a command prints may be read by a program.
    progress: (line) => console.error(line),
  })
  const { redisUrl, databaseUrl } = servers
  const served = { ...config, redisUrl, databaseUrl }
  try {
    // As a start does: the folder may be new, or an older version's.
    await migrateDatabase(served)
  } catch (error) {
    await servers.stop()
    throw error
  }
  return { served, close: servers.stop }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
