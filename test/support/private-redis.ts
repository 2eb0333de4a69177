import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'

/**
 * A Redis of the file's own, for what would disturb the others: full memory, a flush of scripts,
 * weaker settings. It ends with the file, so it is opened beside the imports: a hook or a test comes
 * too late to ask for that.
 */
export async function openPrivateRedis(settings: Record<string, string> = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'))
  const server = await startRedis({ folder, settings })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return server
}
