import type { Redis } from 'ioredis'
import type { Database } from '../ledger/database.js'

export interface ServerVersions {
  redis: string
  /** MySQL or MariaDB, as it names itself. */
  mysql: string
  node: string
}

export async function readServerVersions(redis: Redis, database: Database): Promise<ServerVersions> {
  const info = await redis.info('server')
  const [row] = await database.$queryRaw<{ version: string }[]>`SELECT VERSION() AS version`
  return {
    redis: /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown',
    mysql: row?.version ?? 'unknown',
    node: process.version.replace(/^v/, ''),
  }
}
