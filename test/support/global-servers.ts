import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startMariadb } from '../../src/embedded/mariadb-server.js'
import { memoryShare, startRedis } from '../../src/embedded/redis-server.js'
import { provideChromium } from './chromium.js'

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string
    databaseUrl: string
  }
}

/**
 * MariaDB does not wait for the disk: no test takes the power away, and the tables of a store are made
 * in a tenth of the time. What a process has written outlives it all the same.
 */
const withoutSync = { 'innodb-flush-method': 'nosync', 'loose-debug-no-sync': '' }

/** A file opens a dozen APIs and workers, each with some ten connections; the default is 151. */
const connections = { 'max-connections': '600' }

/** One private Redis and MariaDB for a whole run, in a folder that is removed with it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const progress = (line: string) => console.log(line)
  const bounds = { maxmemory: String(memoryShare()) }
  const [redis, mariadb] = await Promise.all([
    startRedis({ folder: join(folder, 'redis'), settings: bounds, progress }),
    startMariadb({ folder: join(folder, 'mariadb'), settings: { ...withoutSync, ...connections }, progress }),
  ])
  // Once for all who open it, and not in the time of a test. Without it, only the tests of the console fail.
  await provideChromium().catch((error: Error) => console.log(error.message))
  project.provide('redisUrl', redis.url)
  project.provide('databaseUrl', mariadb.url)
  return async () => {
    await Promise.all([redis.stop(), mariadb.stop()])
    await rm(folder, { recursive: true, force: true })
  }
}
