import { type MariadbServer, startMariadb } from '../../../src/embedded/mariadb-server.js'
import { type Database, openDatabase } from '../../../src/ledger/database.js'
import { ServerHost } from './server-host.js'

/** The MariaDB of a run: all rounds share it, each with a database of its own. */
export class MariadbHost extends ServerHost<MariadbServer> {
  private count = 0

  private constructor(
    private readonly folder: string,
    server: MariadbServer,
  ) {
    super(server)
  }

  static async start(folder: string): Promise<MariadbHost> {
    return new MariadbHost(folder, await startMariadb({ folder }))
  }

  get url(): string {
    return this.server.url
  }

  /** Makes an empty database. @returns its URL and what drops it. */
  async createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
    const name = `round_${++this.count}`
    await this.execute(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`)
    const url = new URL(this.server.url)
    url.pathname = `/${name}`
    return { url: url.href, drop: () => this.execute(`DROP DATABASE ${name}`) }
  }

  protected startAgain(): Promise<MariadbServer> {
    return startMariadb({ folder: this.folder, port: this.server.port })
  }

  private async execute(statement: string): Promise<void> {
    const admin: Database = openDatabase(this.server.url, { connectionsMax: 1, connectTimeoutMs: 10_000 })
    try {
      await admin.$executeRawUnsafe(statement)
    } finally {
      await admin.$disconnect()
    }
  }
}
