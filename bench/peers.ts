import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, runCommand } from '#product/embedded/command-run.js'
import { findProgram, thisMachine } from '#product/embedded/machine.js'
import type { BenchRun } from './bench-run.js'
import { measureOther } from './measure-other.js'
import type { Sample } from './sample.js'
import { inRepository } from './servers/target.js'

export interface Peer {
  name: string
  about: string
  /** Its module in bench/peers/. */
  module: string
  needs: readonly ('redis' | 'mariadb' | 'postgres')[]
  usesPrisma?: boolean
}

export const peers: readonly Peer[] = [
  {
    name: 'sql-driver',
    about: 'INSERT and conditional UPDATE, pipelined in one transaction on the mariadb driver',
    module: 'sql-driver.js',
    needs: ['mariadb'],
  },
  {
    name: 'sql-update',
    about: 'conditional UPDATE and INSERT in one Prisma transaction on MariaDB',
    module: 'sql-update.js',
    needs: ['mariadb'],
    usesPrisma: true,
  },
  {
    name: 'sql-for-update',
    about: 'SELECT ... FOR UPDATE, then UPDATE and INSERT, in an interactive Prisma transaction',
    module: 'sql-for-update.js',
    needs: ['mariadb'],
    usesPrisma: true,
  },
  {
    name: 'redlock',
    about: '@sesamecare-oss/redlock around read, compare and write in Redis; no key, no ledger, no SQL',
    module: 'redlock.js',
    needs: ['redis'],
  },
  {
    name: 'lua-per-request',
    about: 'one EVALSHA a request, then a delayed BullMQ job for each hold; no key, no ledger, no SQL',
    module: 'lua-per-request.js',
    needs: ['redis'],
  },
  {
    name: 'medusa',
    about: "Medusa's inventory module on PostgreSQL, in its own lock within one process; no key",
    module: 'medusa/locked.js',
    needs: ['postgres'],
  },
  {
    name: 'medusa-unlocked',
    about: "Medusa's inventory module on PostgreSQL, called without that lock",
    module: 'medusa/unlocked.js',
    needs: ['postgres'],
  },
]

/** Measures a peer on servers of its own. @throws Error with the reason why it cannot run. */
export async function measurePeer(run: BenchRun, peer: Peer): Promise<Sample> {
  const module = inRepository(`bench/peers/${peer.module}`)
  await providePackages(join(module, '..'), run.say)
  const { env, pids, release } = await startServers(run, peer)
  try {
    return await measureOther(run, { name: peer.name, module, env, pids })
  } finally {
    await release()
  }
}

async function startServers(run: BenchRun, peer: Peer) {
  const env: Record<string, string> = {}
  const pids: Record<string, number[]> = {}
  const releases: (() => Promise<void>)[] = []
  const release = async () => {
    for (const end of releases) await end()
  }
  if (peer.needs.includes('redis')) {
    const redis = await run.servers.startRedis()
    releases.push(() => redis.stop())
    env.REDIS_URL = redis.url
    pids.redis = [redis.pid]
  }
  if (peer.needs.includes('mariadb')) {
    const database = await run.servers.createDatabase()
    releases.push(() => database.drop())
    env.DATABASE_URL = database.url
    pids.mariadb = [run.servers.mariadb.pid]
  }
  if (peer.needs.includes('postgres')) {
    const postgres = await run.servers.startPostgres(run.say)
    const database = await postgres.createDatabase()
    releases.push(() => database.drop())
    env.POSTGRES_URL = database.url
    pids.postgres = [postgres.pid]
  }
  return { env, pids, release }
}

const installTimeoutMs = 300_000

/** Installs a folder's packages from its lock, without running a script of theirs, and Prisma's client. */
async function providePackages(folder: string, say: (line: string) => void): Promise<void> {
  if (!existsSync(join(folder, 'node_modules'))) {
    say(`installing the packages of ${folder.slice(folder.lastIndexOf('bench'))} ...`)
    const npm = await findProgram(thisMachine(), ['npm'])
    if (!npm) throw new Error('npm is not in PATH')
    const ci = [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'] as const
    const { status, output } = await runCommand([...ci], { cwd: folder, timeoutMs: installTimeoutMs })
    if (status !== 0) throw new Error(`its packages cannot be installed: ${lastLines(output)}`)
  }
  if (!existsSync(join(folder, 'schema.prisma')) || existsSync(join(folder, 'node_modules/.peers-prisma')))
    return
  const generate = ['node_modules/prisma/build/index.js', 'generate', '--schema', 'schema.prisma']
  const { status, output } = await runCommand([process.execPath, ...generate], {
    cwd: folder,
    timeoutMs: installTimeoutMs,
    // Generating needs no engine; naming one keeps Prisma from downloading it.
    env: {
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  })
  if (status !== 0) throw new Error(`Prisma's client cannot be generated: ${lastLines(output)}`)
}
