import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaClient } from './prisma-client/client.js'

export type Database = PrismaClient

/**
 * Opens MySQL or MariaDB through Prisma. Nothing is connected before the first query.
 *
 * @param url `mysql://user:password@host:port/database`
 * @param options.connectionsMax connections in the pool
 */
export function openDatabase(
  url: string,
  options: { connectionsMax: number; connectTimeoutMs: number },
): Database {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  if (protocol !== 'mysql:' && protocol !== 'mariadb:') {
    throw new Error('the database URL must begin with mysql:// or mariadb://')
  }
  const adapter = new PrismaMariaDb({
    host: hostname,
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    connectionLimit: options.connectionsMax,
    connectTimeout: options.connectTimeoutMs,
    acquireTimeout: options.connectTimeoutMs,
    // A frozen server must not hold a query for ever.
    socketTimeout: 30_000,
    // MySQL 8's default authentication asks for the server's key on an unencrypted connection.
    allowPublicKeyRetrieval: true,
  })
  return new PrismaClient({ adapter })
}
