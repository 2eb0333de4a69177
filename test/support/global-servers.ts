import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPrivateServers } from '../../src/embedded/private-servers.js'
import { provideChromium } from './chromium.js'

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string
    databaseUrl: string
  }
}

/** One private Redis and MariaDB for a whole run, in a folder that is removed with it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const servers = await startPrivateServers({ folder, progress: (line) => console.log(line) })
  // Once for all who open it, and not in the time of a test. Without it, only the tests of the console fail.
  await provideChromium().catch((error: Error) => console.log(error.message))
  project.provide('redisUrl', servers.redisUrl)
  project.provide('databaseUrl', servers.databaseUrl)
  return async () => {
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
