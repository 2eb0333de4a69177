import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, vi } from 'vitest'
import { providePrograms } from '../../src/embedded/install.js'
import { findProgram, type Machine, thisMachine } from '../../src/embedded/machine.js'
import { startPrivateServers } from '../../src/embedded/private-servers.js'
import { startRedis } from '../../src/embedded/redis-server.js'
import { StartupError } from '../../src/embedded/startup-error.js'
import { folderTest } from './folder-under-test.js'
import { converse } from './redis-conversation.js'

vi.setConfig({ testTimeout: 60_000 })

/** A machine that has only the given shell scripts. */
async function machineWith(
  folder: string,
  scripts: Record<string, string>,
  userId: number,
): Promise<Machine> {
  const programs = join(folder, 'programs')
  await mkdir(programs)
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(programs, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(programs, name), 0o755)
  }
  return { folders: [programs], userId }
}

const silent = () => {}

describe('a machine without the servers', () => {
  folderTest('is told in one sentence what to install when nothing may be installed', async ({ folder }) => {
    const machine = await machineWith(folder, {}, 1000)
    const start = startPrivateServers({ folder: join(folder, 'data'), machine })
    await expect(start).rejects.toBeInstanceOf(StartupError)
    await expect(start).rejects.toThrow(
      'Holdfast needs, and may not install, redis-server or valkey-server and mariadbd or mysqld: install them (on Debian or Ubuntu: sudo apt-get install redis-server mariadb-server), or set REDIS_URL and DATABASE_URL to servers of your own.',
    )
  })

  folderTest('does not run apt for a user whom sudo asks for a password', async ({ folder }) => {
    const machine = await machineWith(folder, { 'apt-get': 'touch "$0.ran"', sudo: 'exit 1' }, 1000)
    await expect(providePrograms(['redis'], machine, silent)).rejects.toThrow('may not install')
    expect(await readdir(join(folder, 'programs'))).not.toContain('apt-get.ran')
  })

  folderTest("says apt's last lines when installing fails", async ({ folder }) => {
    const script = 'echo "E: You do not have enough free space" >&2; exit 100'
    const machine = await machineWith(folder, { 'apt-get': script }, 0)
    await expect(providePrograms(['redis'], machine, silent)).rejects.toThrow(
      /^Installing redis-tools with apt failed, so please install redis-server .*: E: You do not have enough free space$/,
    )
  })

  folderTest('updates old package lists, installs and runs what was installed', async ({ folder }) => {
    const real = await findProgram(thisMachine(), ['redis-check-rdb', 'redis-server'])
    const script = `
      echo "$*" >> "$0.log"
      case "$*" in
        *" update") touch "$0.updated" ;;
        *) [ -e "$0.updated" ] || { echo "E: Unable to locate package redis-tools"; exit 100; }
           ln -s "${real}" "\${0%/*}/${real?.split('/').at(-1)}" ;;
      esac`
    const machine = await machineWith(folder, { 'apt-get': script }, 0)
    const lines: string[] = []
    const server = await startRedis({
      folder: join(folder, 'data'),
      machine,
      progress: (line) => lines.push(line),
    })
    expect(await converse(server.url, 'PING')).toEqual(['+PONG'])
    await server.stop()
    expect(lines.slice(0, 2)).toEqual([
      'installing redis-tools with apt ...',
      'updating the package lists with apt ...',
    ])
    const calls = (await readFile(join(folder, 'programs', 'apt-get.log'), 'utf8')).trim().split('\n')
    expect(calls.map((call) => /(update|install .*)$/.exec(call)?.[0])).toEqual([
      'install -y --no-install-recommends --no-remove redis-tools',
      'update',
      'install -y --no-install-recommends --no-remove redis-tools',
    ])
  })

  folderTest('takes the package of this release where its name carries a version', async ({ folder }) => {
    const machine = await machineWith(
      folder,
      { 'apt-get': 'echo "$*"; exit 100', 'apt-cache': 'printf "mariadb-server-core-10.%s\\n" 3 11 6' },
      0,
    )
    await expect(providePrograms(['mariadb'], machine, silent)).rejects.toThrow(
      'Installing mariadb-server-core-10.11, mariadb-client-core-10.11 with apt failed',
    )
  })

  folderTest('waits while another process has the package manager', async ({ folder }) => {
    const real = await findProgram(thisMachine(), ['redis-check-rdb', 'redis-server'])
    const script = `
      [ -e "$0.tried" ] || { touch "$0.tried"; echo "E: Could not get lock /var/lib/apt/lists/lock"; exit 100; }
      ln -s "${real}" "\${0%/*}/redis-server"`
    const machine = await machineWith(folder, { 'apt-get': script }, 0)
    const programs = await providePrograms(['redis'], machine, silent)
    expect(programs.redis).toBe(join(folder, 'programs', 'redis-server'))
  })
})

describe("a machine whose Redis has only its checker's name", () => {
  folderTest('runs it as the server that it is', async ({ folder }) => {
    const real = await findProgram(thisMachine(), ['redis-check-rdb', 'redis-server'])
    const machine = await machineWith(folder, {}, 1000)
    await symlink(String(real), join(folder, 'programs', 'redis-check-rdb'))
    const server = await startRedis({ folder: join(folder, 'data'), machine })
    expect(await converse(server.url, 'PING')).toEqual(['+PONG'])
    await server.stop()
  })
})

describe('a machine whose Redis is too old', () => {
  folderTest('is told in one sentence which it needs', async ({ folder }) => {
    const script = 'echo "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64"'
    const machine = await machineWith(folder, { 'redis-server': script }, 1000)
    await expect(startRedis({ folder: join(folder, 'data'), machine })).rejects.toThrow(
      'Holdfast needs Redis 7 or newer, or Valkey, and redis-server here is 6.0.16:',
    )
  })
})
