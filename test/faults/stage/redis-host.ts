import { cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Machine, thisMachine } from '../../../src/embedded/machine.js'
import { type RedisServer, startRedis } from '../../../src/embedded/redis-server.js'
import { eventually } from '../../support/test-store.js'
import { ServerHost } from './server-host.js'

/** A Redis of a round: killed and started again it keeps its folder, its port and its password. */
export class RedisHost extends ServerHost<RedisServer> {
  private constructor(
    readonly folder: string,
    server: RedisServer,
    private readonly settings: Record<string, string>,
    private readonly machine: Machine,
    /** For looking behind the service's back; it comes back by itself. */
    readonly admin: Redis,
  ) {
    super(server)
  }

  /** @param machine has the Redis to be run. */
  static async start(
    folder: string,
    settings: Record<string, string> = {},
    machine = thisMachine(),
  ): Promise<RedisHost> {
    const server = await startRedis({ folder, settings, machine })
    const admin = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
    admin.on('error', () => {})
    return new RedisHost(folder, server, settings, machine, admin)
  }

  /** A replica of another one, in a folder of its own, with the same password. */
  static async startReplica(folder: string, of: RedisHost): Promise<RedisHost> {
    await mkdir(folder, { recursive: true })
    await cp(join(of.folder, 'password'), join(folder, 'password'))
    const { password } = new URL(of.url)
    return RedisHost.start(folder, {
      ...of.settings,
      replicaof: `127.0.0.1 ${of.port}`,
      masterauth: password,
    })
  }

  /** Resolves when a replica has all that its master had. */
  async isInSync(): Promise<void> {
    const inSync = async () => /^master_link_status:up/m.test(await this.admin.info('replication'))
    await eventually(inSync, 'the replica is in sync')
  }

  get url(): string {
    return this.server.url
  }

  get port(): number {
    return this.server.port
  }

  /** Where the append-only file stands. */
  get appendFolder(): string {
    return join(this.folder, 'appendonlydir')
  }

  /** The file that takes the writes now. */
  async appendOnlyFile(): Promise<string> {
    const name = (await readdir(this.appendFolder)).find((file) => file.endsWith('.incr.aof'))
    return join(this.appendFolder, name ?? '')
  }

  override async stop(): Promise<void> {
    this.admin.disconnect()
    await super.stop()
  }

  protected startAgain(): Promise<RedisServer> {
    const { folder, port, settings, machine } = this
    return startRedis({ folder, port, settings, machine })
  }
}
