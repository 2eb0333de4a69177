import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { folderPassword, writePrivately } from './data-folder.js'
import { claimFolder, type FolderClaim } from './folder-claim.js'
import { providePrograms } from './install.js'
import { type Machine, thisMachine } from './machine.js'
import { provideMariadbData } from './mariadb-data.js'
import { askPort } from './port-question.js'
import { readLog, stopLeftover } from './server-process.js'
import { startServer } from './server-start.js'
import type { Progress } from './startup-error.js'

export interface MariadbServer {
  /** mysql://holdfast:password@127.0.0.1:port/holdfast; the user may create further databases. */
  url: string
  port: number
  pid: number
  /** Resolves when the server ends, wanted or not, with how ("status 0"). */
  exited: Promise<string>
  stop(): Promise<void>
}

export interface MariadbOptions {
  folder: string
  port?: number
  /** Options of the server without their dashes, over the ones below; '' gives an option no value. */
  settings?: Record<string, string>
  progress?: Progress
  machine?: Machine
}

const probeTimeoutMs = 2_000
const user = 'holdfast'
const database = 'holdfast'

/**
 * Runs a MariaDB (or MySQL) of our own on 127.0.0.1, whose data, password, log and port are kept in
 * the folder. A committed transaction is on disk. Throws a StartupError when it cannot start.
 */
export async function startMariadb(o: MariadbOptions): Promise<MariadbServer> {
  const claim = await claimFolder(o.folder)
  try {
    return await startClaimed(o, claim)
  } catch (error) {
    await claim.release()
    throw error
  }
}

async function startClaimed(o: MariadbOptions, claim: FolderClaim): Promise<MariadbServer> {
  const progress = o.progress ?? (() => {})
  const machine = o.machine ?? thisMachine()
  const { folder } = claim
  const { mariadb } = await providePrograms(['mariadb'], machine, progress)
  const isMysql = mariadb.initialiser === undefined
  if (await stopLeftover(folder, [`--datadir=${join(folder, 'data')} `])) {
    progress('stopped the MariaDB that an earlier run had left')
  }
  // One of its own: each server that starts removes all temporary tables that it finds, also those that
  // another one uses.
  const tmpdir = join(folder, 'tmp')
  await mkdir(tmpdir, { recursive: true, mode: 0o700 })
  const data = await provideMariadbData(folder, mariadb, initialArguments(), { tmpdir, progress })
  const password = await folderPassword(folder)
  const setup = join(folder, 'setup.sql')
  const server = await startServer({
    name: basename(mariadb.server),
    folder,
    port: o.port,
    progress,
    prepare: async (port) => {
      await writePrivately(setup, setupSql(password))
      const places = { datadir: data, tmpdir, port: String(port), 'init-file': setup }
      return [
        mariadb.server,
        '--no-defaults',
        ...asArguments({ ...defaultSettings(isMysql), ...places, ...o.settings }),
      ]
    },
    isReady: (port) => shakesHands(folder, port),
  }).finally(() => rm(setup, { force: true }))
  return {
    url: databaseUrl(password, server.port),
    port: server.port,
    pid: server.pid,
    exited: server.exited,
    stop: async () => {
      await server.stop()
      await claim.release()
    },
  }
}

export function databaseUrl(password: string, port: number): string {
  return `mysql://${user}:${password}@127.0.0.1:${port}/${database}`
}

/** What must hold from the creation of the data directory on. A server refuses to be root unasked. */
function initialArguments(): string[] {
  return asArguments({
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    'loose-innodb-log-file-size': '64M',
  })
}

function defaultSettings(isMysql: boolean): Record<string, string> {
  return {
    ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    'bind-address': '127.0.0.1',
    // Relative to the data directory: a socket's path may have 107 bytes, which a folder's may exceed.
    socket: 'server.sock',
    'pid-file': 'mariadbd.pid',
    'skip-name-resolve': '',
    'character-set-server': 'utf8mb4',
    'collation-server': 'utf8mb4_unicode_ci',
    'default-time-zone': '+00:00',
    'innodb-buffer-pool-size': '256M',
    'innodb-flush-log-at-trx-commit': '1',
    ...(isMysql
      ? { 'loose-innodb-redo-log-capacity': '64M', 'loose-mysqlx': 'OFF' }
      : { 'innodb-log-file-size': '64M' }),
    'skip-log-bin': '',
    'performance-schema': 'OFF',
    'local-infile': 'OFF',
  }
}

function asArguments(settings: Record<string, string>): string[] {
  return Object.entries(settings).map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`))
}

/**
 * Run by the server itself before it serves anyone, at every start. The initialised root has no
 * password; it gets ours, and only through the socket in the data directory.
 */
function setupSql(password: string): string {
  return [
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
    "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1', ''@'localhost';",
    `CREATE USER IF NOT EXISTS '${user}'@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `ALTER USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO '${user}'@'127.0.0.1' WITH GRANT OPTION;`,
    `CREATE DATABASE IF NOT EXISTS ${database} CHARACTER SET utf8mb4;`,
    '',
  ].join('\n')
}

/**
 * The handshake alone could be another server's that took the port between choosing and binding;
 * the log says that it is ours, which ends without that line when it cannot bind.
 */
async function shakesHands(folder: string, port: number): Promise<boolean> {
  if (!/ready for connections/.test(await readLog(folder))) return false
  const protocolVersion = 10
  const answer = await askPort({ port, enough: (bytes) => bytes.length > 4, timeoutMs: probeTimeoutMs })
  return answer?.[4] === protocolVersion
}
