import { createHash } from 'node:crypto'
import { rm, symlink } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { basename, join } from 'node:path'
import { runCommand } from './command-run.js'
import { folderPassword, writePrivately } from './data-folder.js'
import { claimFolder } from './folder-claim.js'
import { providePrograms } from './install.js'
import { type Machine, thisMachine } from './machine.js'
import { askPort } from './port-question.js'
import { stopLeftover } from './server-process.js'
import { startServer } from './server-start.js'
import { type Progress, StartupError } from './startup-error.js'

export interface RedisServer {
  /** With the password: whoever has it has the stock. */
  url: string
  port: number
  pid: number
  /** Resolves when the server ends, wanted or not, with how ("status 0"). */
  exited: Promise<string>
  stop(): Promise<void>
}

export interface RedisOptions {
  folder: string
  port?: number
  /** Directives of redis.conf, over the ones below. */
  settings?: Record<string, string>
  progress?: Progress
  machine?: Machine
}

const probeTimeoutMs = 2_000
/** The first whose scripts declare flags, and whose title can name the folder. */
const majorVersionMin = 7

/**
 * Runs a Redis of our own on 127.0.0.1, whose data, password, log and port are kept in the folder.
 * An answered write is on disk: `appendfsync always`. Throws a StartupError when it cannot start.
 */
export async function startRedis(o: RedisOptions): Promise<RedisServer> {
  const progress = o.progress ?? (() => {})
  const claim = await claimFolder(o.folder)
  try {
    const programs = await providePrograms(['redis'], o.machine ?? thisMachine(), progress)
    const { folder } = claim
    const configuration = join(folder, 'redis.conf')
    const title = titleOf(folder)
    if (await stopLeftover(folder, [`${configuration} `, title])) {
      progress('stopped the Redis that an earlier run had left')
    }
    const password = await folderPassword(folder)
    const program = await linkByName(folder, programs.redis)
    await requireVersion(program)
    const server = await startServer({
      name: basename(program),
      folder,
      port: o.port,
      progress,
      prepare: async (port) => {
        const settings = {
          ...defaultSettings(folder, title),
          port: String(port),
          requirepass: password,
          ...o.settings,
        }
        await writePrivately(configuration, asConfiguration(settings))
        return [program, configuration]
      },
      isReady: (port) => answersPing(port, password),
    })
    return {
      url: redisUrl(password, server.port),
      port: server.port,
      pid: server.pid,
      exited: server.exited,
      stop: async () => {
        await server.stop()
        await claim.release()
      },
    }
  } catch (error) {
    await claim.release()
    throw error
  }
}

export function redisUrl(password: string, port: number): string {
  return `redis://:${password}@127.0.0.1:${port}/0`
}

/**
 * What a private Redis may use of this machine or container, in bytes: a fifth. MariaDB and Holdfast
 * run beside it, what was held is still confirmed when it is full, which takes up to a third more, and
 * rewriting its file copies what changes meanwhile. On a machine of 1 GB all of that fits.
 */
export function memoryShare(): number {
  // Without a container's limit it is 0, or more than there is.
  const limit = process.constrainedMemory() ?? 0
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return Math.floor(bytes / 5)
}

function defaultSettings(folder: string, title: string): Record<string, string> {
  return {
    bind: '127.0.0.1',
    daemonize: 'no',
    dir: JSON.stringify(folder),
    logfile: '""',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    save: '""',
    // Redis overwrites its command line; the title keeps the folder recognisable in it.
    'proc-title-template': `"{title} {listen-addr} ${title}"`,
  }
}

/** A file rather than arguments: every user of a machine can read those, and the password with them. */
function asConfiguration(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value === '' ? '""' : value}`)
  return `${lines.join('\n')}\n`
}

/** Short because Redis cuts its title at 255 bytes, which a folder's path may exceed. */
function titleOf(folder: string): string {
  return `holdfast-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`
}

/** The program acts by the name it is called by, so it is called by a link in the folder. */
async function linkByName(folder: string, program: string): Promise<string> {
  const link = join(folder, basename(program).replace('check-rdb', 'server'))
  await rm(link, { force: true })
  await symlink(program, link)
  return link
}

async function requireVersion(program: string): Promise<void> {
  const { output } = await runCommand([program, '--version'], { timeoutMs: 10_000 })
  const version = /\bv=((\d+)[\d.]*)/.exec(output)
  if (version && Number(version[2]) >= majorVersionMin) return
  throw new StartupError(
    `Holdfast needs Redis ${majorVersionMin} or newer, or Valkey, and ${basename(program)} here is ${version?.[1] ?? 'something else'}: install a newer one, or set REDIS_URL and DATABASE_URL to servers of your own.`,
  )
}

/** With our password: a foreign Redis that took the port between choosing and binding refuses it. */
async function answersPing(port: number, password: string): Promise<boolean> {
  const answer = await askPort({
    port,
    say: `AUTH ${password}\r\nPING\r\n`,
    enough: (bytes) => bytes.toString('latin1').split('\r\n').length > 2,
    timeoutMs: probeTimeoutMs,
  })
  return answer?.toString('latin1').startsWith('+OK\r\n+PONG\r\n') ?? false
}
