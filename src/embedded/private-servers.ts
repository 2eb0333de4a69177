import { join } from 'node:path'
import { folderPassword } from './data-folder.js'
import { claimFolder, isClaimed } from './folder-claim.js'
import { providePrograms } from './install.js'
import { type Machine, thisMachine } from './machine.js'
import { databaseUrl, type MariadbServer, startMariadb } from './mariadb-server.js'
import { keptPort } from './port-choice.js'
import { memoryShare, type RedisServer, redisUrl, startRedis } from './redis-server.js'
import type { Progress } from './startup-error.js'

export interface PrivateServers {
  redisUrl: string
  databaseUrl: string
  redis: RedisServer
  mariadb: MariadbServer
  /** Ends both and frees the folder. Idempotent. */
  stop(): Promise<void>
}

/**
 * Runs a Redis and a MariaDB of our own under the data folder, installing what is missing. A second
 * start finds the data again. Throws a StartupError, with nothing left running, when it cannot.
 */
export async function startPrivateServers(o: {
  folder: string
  /** Bound of Redis' memory; a share of the machine's when it is not said. */
  redisBytesMax?: number | undefined
  progress?: Progress
  machine?: Machine
}): Promise<PrivateServers> {
  const progress = o.progress ?? (() => {})
  const machine = o.machine ?? thisMachine()
  const settings = { maxmemory: String(o.redisBytesMax ?? memoryShare()) }
  const claim = await claimFolder(o.folder)
  try {
    await providePrograms(['redis', 'mariadb'], machine, progress)
    const [redis, mariadb] = await startBoth(
      startRedis({ folder: join(claim.folder, 'redis'), settings, progress, machine }),
      startMariadb({ folder: join(claim.folder, 'mariadb'), progress, machine }),
    )
    const stop = async () => {
      await settleAll([redis.stop(), mariadb.stop()])
      await claim.release()
    }
    return { redisUrl: redis.url, databaseUrl: mariadb.url, redis, mariadb, stop }
  } catch (error) {
    await claim.release()
    throw error
  }
}

/** Where the servers are that a running Holdfast has started under the folder; undefined when none runs. */
export async function findPrivateServers(
  folder: string,
): Promise<Pick<PrivateServers, 'redisUrl' | 'databaseUrl'> | undefined> {
  const places = [join(folder, 'redis'), join(folder, 'mariadb')] as const
  const running = await Promise.all([folder, ...places].map(isClaimed))
  const [redisPort, mariadbPort] = await Promise.all(places.map(keptPort))
  if (!running.every(Boolean) || redisPort === undefined || mariadbPort === undefined) return undefined
  return {
    redisUrl: redisUrl(await folderPassword(places[0]), redisPort),
    databaseUrl: databaseUrl(await folderPassword(places[1]), mariadbPort),
  }
}

async function startBoth(
  redis: Promise<RedisServer>,
  mariadb: Promise<MariadbServer>,
): Promise<[RedisServer, MariadbServer]> {
  try {
    return await Promise.all([redis, mariadb])
  } catch (error) {
    const results = await Promise.allSettled([redis, mariadb])
    const started = results.filter((result) => result.status === 'fulfilled')
    await Promise.allSettled(started.map((result) => result.value.stop()))
    throw error
  }
}

/** Waits for all of them even when one fails, then throws the first failure. */
async function settleAll(tasks: readonly Promise<void>[]): Promise<void> {
  const failure = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected')
  if (failure) throw failure.reason
}
