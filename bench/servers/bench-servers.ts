import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { readServerVersions, type ServerVersions } from '#product/demo/server-versions.js'
import { type MariadbServer, startMariadb } from '#product/embedded/mariadb-server.js'
import { type RedisServer, startRedis } from '#product/embedded/redis-server.js'
import { type Database, openDatabase } from '#product/ledger/database.js'
import type { Cleanup } from './cleanup.js'
import { type PostgresServer, startPostgres } from './postgres-server.js'

/**
 * The run's private servers, in a folder of their own. One MariaDB serves all, with a new database
 * for each server under test; each gets a new Redis, so that none inherits the memory or the
 * append-only file of the one before.
 */
export class BenchServers {
  private redisCount = 0
  private databaseCount = 0
  private postgres: Promise<PostgresServer> | undefined

  private constructor(
    readonly folder: string,
    readonly mariadb: MariadbServer,
    private readonly admin: Database,
    private readonly cleanup: Cleanup,
  ) {}

  static async start(cleanup: Cleanup): Promise<BenchServers> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
    // PostgreSQL refuses to run as root, so it may be another user who has to reach its folder.
    await chmod(folder, 0o711)
    cleanup.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    const mariadb = await startMariadb({ folder: join(folder, 'mariadb') })
    cleanup.add(() => mariadb.stop())
    const admin = openDatabase(mariadb.url, { connectionsMax: 1, connectTimeoutMs: 10_000 })
    cleanup.add(() => admin.$disconnect())
    return new BenchServers(folder, mariadb, admin, cleanup)
  }

  /** @param fsync Redis' appendfsync. */
  async startRedis(fsync: 'always' | 'everysec' = 'always'): Promise<RedisServer> {
    const folder = join(this.folder, `redis-${++this.redisCount}`)
    const redis = await startRedis({ folder, settings: { appendfsync: fsync } })
    let stopping: Promise<void> | undefined
    const stop = () => {
      stopping ??= redis.stop().then(() => rm(folder, { recursive: true, force: true }))
      return stopping
    }
    this.cleanup.add(stop)
    return { ...redis, stop }
  }

  /** An empty database of its own. */
  async createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
    const name = `bench_${++this.databaseCount}`
    await this.admin.$executeRawUnsafe(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`)
    const url = new URL(this.mariadb.url)
    url.pathname = `/${name}`
    return {
      url: url.href,
      drop: async () => {
        await this.admin.$executeRawUnsafe(`DROP DATABASE IF EXISTS ${name}`)
      },
    }
  }

  /** As the servers name themselves; PostgreSQL's when it was needed. */
  async versions(): Promise<ServerVersions & { postgres?: string }> {
    const redis = await this.startRedis()
    const client = new Redis(redis.url)
    try {
      const postgres = await this.postgres?.catch(() => undefined)
      const versions = await readServerVersions(client, this.admin)
      return { ...versions, ...(postgres && { postgres: postgres.version }) }
    } finally {
      client.disconnect()
      await redis.stop()
    }
  }

  /** Started when it is first asked for. @throws Error with the reason why there is none. */
  startPostgres(progress: (line: string) => void): Promise<PostgresServer> {
    this.postgres ??= startPostgres({ folder: join(this.folder, 'postgres'), progress }).then((server) => {
      this.cleanup.add(() => server.stop())
      return server
    })
    return this.postgres
  }
}
