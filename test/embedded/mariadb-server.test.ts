import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { describe, expect, vi } from 'vitest'
import { providePrograms } from '../../src/embedded/install.js'
import { thisMachine } from '../../src/embedded/machine.js'
import { provideMariadbData } from '../../src/embedded/mariadb-data.js'
import { startMariadb } from '../../src/embedded/mariadb-server.js'
import { folderTest } from './folder-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

async function ask(url: string, ...statements: string[]): Promise<unknown[][]> {
  const connection = await new PrismaMariaDb(url).connect()
  try {
    let rows: unknown[][] = []
    for (const sql of statements) {
      rows = (await connection.queryRaw({ sql, args: [], argTypes: [] })).rows
    }
    return rows
  } finally {
    await connection.dispose()
  }
}

describe('a MariaDB of our own', () => {
  folderTest('finds its data again, in a folder with a long path and spaces', async ({ folder }) => {
    const long = join(folder, 'a folder of ours', 'x'.repeat(120), 'y'.repeat(60))
    const first = await startMariadb({ folder: long })
    await ask(first.url, 'CREATE TABLE cups (n INT)', 'INSERT INTO cups VALUES (7)')
    await first.stop()
    const second = await startMariadb({ folder: long })
    expect(second.url).toBe(first.url)
    expect(await ask(second.url, 'SELECT n FROM cups')).toEqual([[7]])
    await second.stop()
  })

  folderTest('lets its user create databases, and nobody in without the password', async ({ folder }) => {
    const server = await startMariadb({ folder })
    await ask(server.url, 'CREATE DATABASE one_of_a_test')
    const accounts = "SELECT CONCAT(User, '@', Host) FROM mysql.user WHERE User <> 'mariadb.sys' ORDER BY 1"
    expect(await ask(server.url, accounts)).toEqual([['holdfast@127.0.0.1'], ['root@localhost']])
    for (const account of ['root', 'holdfast']) {
      const url = `mysql://${account}@127.0.0.1:${server.port}/mysql?acquireTimeout=500`
      await expect(ask(url, 'SELECT 1')).rejects.toThrow()
    }
    expect((await stat(join(folder, 'password'))).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).not.toContain('setup.sql')
    await server.stop()
  })

  folderTest('has durable settings, which a caller may override', async ({ folder }) => {
    const server = await startMariadb({ folder, settings: { 'max-connections': '33' } })
    const variables =
      'SELECT @@innodb_flush_log_at_trx_commit, @@max_connections, @@log_bin, @@performance_schema, @@bind_address'
    expect((await ask(server.url, variables))[0]?.map(String)).toEqual(['1', '33', '0', '0', '127.0.0.1'])
    await server.stop()
  })

  folderTest('says why its data cannot be prepared', async ({ folder }) => {
    const { mariadb } = await providePrograms(['mariadb'], thisMachine(), () => {})
    const arguments_ = [`--innodb-data-home-dir=${folder}/missing`]
    await expect(
      provideMariadbData(folder, mariadb, arguments_, { tmpdir: folder, progress: () => {} }),
    ).rejects.toThrow(/^The data folder of MariaDB in .* cannot be prepared: .*missing\/ibdata1/)
  })

  folderTest("leaves another one's temporary tables alone", async ({ folder }) => {
    const shared = join(folder, 'shared')
    await mkdir(shared)
    const table = join(shared, '#sql-temptable-1-1-1.MAI')
    await writeFile(table, '')
    // Where both of them would have those of queries.
    vi.stubEnv('TMPDIR', shared)
    const server = await startMariadb({ folder: join(folder, 'ours') }).finally(() => vi.unstubAllEnvs())
    expect(await readdir(shared)).toEqual([basename(table)])
    await server.stop()
  })

  folderTest('begins afresh after an initialisation that was cut short', async ({ folder }) => {
    await mkdir(join(folder, 'data.new-abc', 'mysql'), { recursive: true })
    await writeFile(join(folder, 'data.new-abc', 'ibdata1'), 'half a file')
    const server = await startMariadb({ folder })
    expect(await ask(server.url, 'SELECT 1')).toHaveLength(1)
    await server.stop()
    expect((await readdir(folder)).filter((name) => name.startsWith('data.'))).toEqual([])
  })

  folderTest('says what it said when it ends during its start', async ({ folder }) => {
    await expect(startMariadb({ folder, settings: { 'no-such-option': '1' } })).rejects.toThrow(
      /mariadbd ended during its start .*unknown variable 'no-such-option=1'/,
    )
  })
})
