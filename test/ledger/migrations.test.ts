import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { type Database, openDatabase } from '../../src/ledger/database.js'
import { migrate, migrationNames, pendingMigrations } from '../../src/ledger/migrations.js'

const root = new URL('../../prisma/', import.meta.url)

function open(url: URL): Database {
  return openDatabase(url.href, { connectionsMax: 1, connectTimeoutMs: 10_000 })
}

describe('migrations', () => {
  const server = open(new URL(inject('databaseUrl')))
  const made: string[] = []
  const opened: Database[] = [server]
  let url: URL
  let database: Database

  const another = () => {
    const one = open(url)
    opened.push(one)
    return one
  }

  beforeEach(async () => {
    const name = `migrations_${randomBytes(6).toString('hex')}`
    await server.$executeRawUnsafe(`CREATE DATABASE ${name}`)
    made.push(name)
    url = new URL(inject('databaseUrl'))
    url.pathname = `/${name}`
    database = another()
  })

  afterAll(async () => {
    for (const name of made) await server.$executeRawUnsafe(`DROP DATABASE ${name}`)
    for (const one of opened) await one.$disconnect()
  })

  test('are applied once, whoever asks again', async () => {
    expect(await pendingMigrations(database)).toEqual(migrationNames())
    expect(await migrate(database)).toEqual(migrationNames())
    expect(await migrate(database)).toEqual([])
    expect(await migrate(another())).toEqual([])
    expect(await pendingMigrations(database)).toEqual([])
  })

  test('are applied once by processes that start together', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, another).map(migrate))
    expect(applied.flat()).toEqual(migrationNames())
    expect(await pendingMigrations(database)).toEqual([])
    const rows = await database.$queryRawUnsafe<unknown[]>('SELECT id FROM _prisma_migrations')
    expect(rows).toHaveLength(migrationNames().length)
  })

  test.each([1, 2, 3, 4])('are completed after a crash behind statement %i of the first', async (count) => {
    // What a process that dies there leaves: the record without its end, and some of the tables.
    await migrate(database)
    const tables = await database.$queryRawUnsafe<{ name: string }[]>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()
         AND table_name <> '_prisma_migrations' ORDER BY create_time, table_name`,
    )
    for (const { name } of tables.slice(count)) await database.$executeRawUnsafe(`DROP TABLE ${name}`)
    await database.$executeRawUnsafe('UPDATE _prisma_migrations SET finished_at = NULL')
    expect(await pendingMigrations(database)).toEqual(migrationNames())
    expect(await migrate(another())).toEqual(migrationNames())
    expect(await pendingMigrations(database)).toEqual([])
    expect(await differencesToSchema(database)).toEqual([])
  })

  test('are refused when the file of an applied one was changed', async () => {
    await migrate(database)
    await database.$executeRawUnsafe("UPDATE _prisma_migrations SET checksum = REPEAT('0', 64)")
    await expect(migrate(another())).rejects.toThrow(/^migration \d+_\w+ was changed after it was applied$/)
    // The lock was given back.
    await database.$executeRawUnsafe('DELETE FROM _prisma_migrations')
    expect(await migrate(another())).toEqual(migrationNames())
  })

  test("are recorded as Prisma's own tool records them", async () => {
    await migrate(database)
    const rows = await database.$queryRawUnsafe<Record<string, unknown>[]>('SELECT * FROM _prisma_migrations')
    expect(rows).toHaveLength(migrationNames().length)
    for (const row of rows) {
      const file = readFileSync(new URL(`migrations/${row.migration_name}/migration.sql`, root))
      expect(row).toMatchObject({
        checksum: createHash('sha256').update(file).digest('hex'),
        rolled_back_at: null,
        logs: null,
      })
      expect(row.finished_at).toBeInstanceOf(Date)
      expect(Number(row.applied_steps_count)).toBe(1)
    }
  })

  test('make the tables, columns and keys that the Prisma schema describes', async () => {
    await migrate(database)
    expect(await differencesToSchema(database)).toEqual([])
    // The comparison can fail.
    await database.$executeRawUnsafe('ALTER TABLE stock MODIFY available BIGINT NOT NULL')
    await database.$executeRawUnsafe('ALTER TABLE reservations DROP COLUMN order_id')
    await database.$executeRawUnsafe('ALTER TABLE ledger DROP KEY ledger_by_sku')
    expect(await differencesToSchema(database)).toHaveLength(3)
  })

  test('make tables that the Prisma client reads and writes, every column of them', async () => {
    await migrate(database)
    const at = new Date('2026-12-12T12:12:12.123Z')
    const keys = { storeId: 1, sku: 'CUP', epoch: 2 ** 32 - 1, sequence: 2n ** 63n }
    const counts = { available: 10n ** 12n, held: 0n, sold: 1n }
    const rows = {
      store: { id: 1, name: 'main', epoch: 1, sequence: 7n, server: 'f'.repeat(40), updatedAt: at },
      stock: { ...keys, ...counts },
      reservation: {
        storeId: 1,
        id: '0'.repeat(36),
        state: 'confirmed' as const,
        customerId: 'Zoë',
        orderId: null,
        lines: 'CUP:1',
        ttlSeconds: 900,
        idempotencyKey: '"key"',
        paymentRef: '🛒',
        reacquired: true,
        createdAt: at,
        expiresAt: at,
        closedAt: null,
        epoch: 1,
        sequence: 7n,
      },
      ledgerLine: {
        ...keys,
        ...counts,
        line: 49,
        kind: 'reacquire' as const,
        occurredAt: at,
        reservationId: null,
        quantity: -5n,
        reason: 'Inventur',
      },
      adjustmentKey: {
        storeId: 1,
        idempotencyKey: 'k',
        sku: 'CUP',
        quantity: -5n,
        reason: null,
        occurredAt: at,
      },
    }
    await database.store.create({ data: rows.store })
    await database.stock.create({ data: rows.stock })
    await database.reservation.create({ data: rows.reservation })
    await database.ledgerLine.create({ data: rows.ledgerLine })
    await database.adjustmentKey.create({ data: rows.adjustmentKey })
    expect(await database.store.findMany()).toEqual([rows.store])
    expect(await database.stock.findMany()).toEqual([rows.stock])
    expect(await database.reservation.findMany()).toEqual([rows.reservation])
    expect(await database.ledgerLine.findMany()).toEqual([rows.ledgerLine])
    expect(await database.adjustmentKey.findMany()).toEqual([rows.adjustmentKey])
    const models = [...readSchema().keys()]
    expect(Object.keys(rows)).toHaveLength(models.length)
  })
})

interface Table {
  /** Column -> `type` or `type null`. */
  columns: Record<string, string>
  /** Key -> its columns, joined by commas. */
  keys: Record<string, string>
}

/** Each way in which the database is not as prisma/schema.prisma says. */
async function differencesToSchema(database: Database): Promise<string[]> {
  const found = await readTables(database)
  const differences: string[] = []
  for (const [table, wanted] of readSchema()) {
    for (const part of ['columns', 'keys'] as const) {
      const [a, b] = [wanted[part], found.get(table)?.[part] ?? {}]
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
        if (a[name] !== b[name]) {
          differences.push(`${table}.${name}: the schema says ${a[name]}, the database ${b[name]}`)
        }
      }
    }
  }
  return differences
}

async function readTables(database: Database): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>()
  const table = (name: string) => {
    const found = tables.get(name) ?? { columns: {}, keys: {} }
    tables.set(name, found)
    return found
  }
  const columns = await database.$queryRawUnsafe<Record<'t' | 'c' | 'type' | 'nullable', string>[]>(
    `SELECT table_name AS t, column_name AS c, column_type AS type, is_nullable AS nullable
     FROM information_schema.columns WHERE table_schema = DATABASE()`,
  )
  for (const { t, c, type, nullable } of columns) {
    // MySQL 8 shows no display widths, MariaDB does.
    const plain = type.replace(/^(\w*int)\(\d+\)/, (all, name) => (all === 'tinyint(1)' ? all : name))
    table(t).columns[c] = plain + (nullable === 'YES' ? ' null' : '')
  }
  const keys = await database.$queryRawUnsafe<Record<'t' | 'k' | 'c', string>[]>(
    `SELECT table_name AS t, index_name AS k, column_name AS c FROM information_schema.statistics
     WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index`,
  )
  for (const { t, k, c } of keys) {
    const found = table(t).keys
    found[k] = found[k] === undefined ? c : `${found[k]},${c}`
  }
  return tables
}

/** The tables as prisma/schema.prisma describes them, as far as it uses the language. */
function readSchema(): Map<string, Table> {
  const text = readFileSync(new URL('schema.prisma', root), 'utf8').replace(/^\s*\/\/.*$/gm, '')
  const enums = new Map<string, string>()
  for (const [, name, body] of text.matchAll(/^enum (\w+) \{([^}]*)\}/gm)) {
    const values = (body as string).split('\n').flatMap((line) => /^\s*(\w+)\s*$/.exec(line)?.[1] ?? [])
    enums.set(name as string, `enum(${values.map((value) => `'${value}'`).join(',')})`)
  }
  const tables = new Map<string, Table>()
  for (const [, body] of text.matchAll(/^model \w+ \{([^}]*)\}/gm)) {
    const name = /@@map\("(\w+)"\)/.exec(body as string)?.[1] as string
    tables.set(name, readModel(name, body as string, enums))
  }
  return tables
}

function readModel(table: string, body: string, enums: ReadonlyMap<string, string>): Table {
  const names = new Map<string, string>()
  const found: Table = { columns: {}, keys: {} }
  const columnsOf = (fields: string) =>
    fields
      .split(',')
      .map((field) => names.get(field.trim()))
      .join()
  for (const line of body.split('\n')) {
    const field = /^\s*(\w+)\s+(\w+)(\?)?(.*)$/.exec(line)
    if (field) {
      const [, name, type, optional, attributes] = field as unknown as [
        string,
        string,
        string,
        string,
        string,
      ]
      const column = /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name
      const native = /@db\.(\w+(?:\(\d+\))?)/.exec(attributes)?.[1]
      names.set(name, column)
      found.columns[column] =
        (enums.get(type) ?? columnTypes(native ?? type)) + (optional === '?' ? ' null' : '')
      if (/@id\b/.test(attributes)) found.keys.PRIMARY = column
      if (/@unique\b/.test(attributes)) found.keys[`${table}_${column}_key`] = column
    }
    const key = /^\s*@@(id|index)\(\[([^\]]+)\](?:, map: "(\w+)")?\)/.exec(line)
    if (key) found.keys[key[1] === 'id' ? 'PRIMARY' : (key[3] as string)] = columnsOf(key[2] as string)
  }
  return found
}

function columnTypes(type: string): string {
  const unsigned = /^Unsigned(\w+)$/.exec(type)
  if (unsigned) return `${(unsigned[1] as string).toLowerCase()} unsigned`
  return type === 'Boolean' ? 'tinyint(1)' : type.toLowerCase()
}
