import { runCommand } from './command-run.js'
import { findProgram, type Machine } from './machine.js'

export interface MariadbPrograms {
  server: string
  /** mariadb-install-db; undefined for MySQL, whose server initialises its own data. */
  initialiser: string | undefined
}

export interface Programs {
  redis: string | undefined
  mariadb: MariadbPrograms | undefined
}

/*
 * Redis is one program that acts by the name it is called by. Debian ships it in redis-tools as
 * redis-check-rdb, and its package redis-server adds only a link of that name and a system service;
 * so the checker will do, called by a link of our own.
 */
const redisNames = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb']

export async function findPrograms(machine: Machine): Promise<Programs> {
  return {
    redis: await findProgram(machine, redisNames),
    mariadb: await findMariadb(machine),
  }
}

async function findMariadb(machine: Machine): Promise<MariadbPrograms | undefined> {
  const server = await findProgram(machine, ['mariadbd', 'mysqld'])
  if (server === undefined) return undefined
  const version = await runCommand([server, '--no-defaults', '--version'], { timeoutMs: 10_000 })
  if (version.status !== 0) return undefined
  if (!/mariadb/i.test(version.output)) return { server, initialiser: undefined }
  const initialiser = await findProgram(machine, ['mariadb-install-db', 'mysql_install_db'])
  // The initialiser is a script that runs my_print_defaults, which Debian ships with the client.
  const printer = await findProgram(machine, ['my_print_defaults'])
  return initialiser && printer ? { server, initialiser } : undefined
}
