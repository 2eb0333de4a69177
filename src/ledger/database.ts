import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { Prisma, PrismaClient } from './prisma-client/client.js'

export type Database = PrismaClient

export interface DatabaseOptions {
  /** In the pool. */
  connectionsMax: number
  connectTimeoutMs: number
  /** For queries that walk over a whole store or change its tables: they may take minutes. */
  isPatient?: boolean
}

/** A frozen server must not hold a query for ever; the service is to be ready 10 s after it is back. */
const queryMsMax = 8000
const patientQueryMsMax = 600_000

/**
 * Opens MySQL or MariaDB through Prisma. Nothing is connected before the first query.
 *
 * @param url `mysql://user:password@host:port/database`; with `?ssl=true` over TLS, with a certificate that this
 *   machine, or NODE_EXTRA_CA_CERTS, trusts.
 */
export function openDatabase(url: string, options: DatabaseOptions): Database {
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol !== 'mysql:' && protocol !== 'mariadb:') {
    throw new Error('the database URL must begin with mysql:// or mariadb://')
  }
  // Whom the certificate must be for, which the driver leaves out.
  const peer: object = (isIP(host) ? { host } : { servername: host }) satisfies ConnectionOptions
  const adapter = new PrismaMariaDb({
    host,
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ssl: searchParams.get('ssl') === 'true' && peer,
    connectionLimit: options.connectionsMax,
    connectTimeout: options.connectTimeoutMs,
    acquireTimeout: options.connectTimeoutMs,
    socketTimeout: options.isPatient ? patientQueryMsMax : queryMsMax,
    // MySQL 8's default authentication asks for the server's key on an unencrypted connection.
    allowPublicKeyRetrieval: true,
  })
  return new PrismaClient({ adapter })
}

/** A table (P2021) or a column (P2022) that is asked for is not there. */
const missingCodes = ['P2021', 'P2022']

/** Whether MySQL answered that its tables are not those of this version: nobody has migrated it. */
export function lacksTables(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && missingCodes.includes(error.code)
}
