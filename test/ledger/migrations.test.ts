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

  test('tell who was opened last of a store that is older than its columns', async () => {
    await migrate(database)
    await database.$executeRawUnsafe(
      'ALTER TABLE stores DROP COLUMN opened_server, DROP COLUMN opened_generation',
    )
    await database.$executeRawUnsafe(
      `INSERT INTO stores (name, server, generation, opened) VALUES ('open', 'a', 3, TRUE), ('claimed', 'b', 3, FALSE)`,
    )
    await database.$executeRawUnsafe(
      "DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_last_opened'",
    )
    expect(await migrate(another())).toHaveLength(1)
    const rows = await database.store.findMany({ orderBy: { id: 'asc' } })
    expect(rows.map((row) => [row.openedServer, row.openedGeneration])).toEqual([
      ['a', 3],
      ['', 0],
    ])
  })

  test('take the reports that there are for reports of all of a store', async () => {
    await migrate(database)
    await database.$executeRawUnsafe('ALTER TABLE reconciliations DROP COLUMN complete')
    await database.$executeRawUnsafe(
      `INSERT INTO reconciliations (store_id, epoch, sequence, started_at, took_ms, repair, skus_checked,
         reservations_checked, drifted_total, repaired, drifted) VALUES (1, 1, 9, NOW(), 5, FALSE, 3, 2, 0, 0, '[]')`,
    )
    await database.$executeRawUnsafe(
      "DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_partial_reconciliations'",
    )
    expect(await migrate(another())).toHaveLength(1)
    expect(await database.reconciliation.findMany()).toMatchObject([{ skusChecked: 3, complete: true }])
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
    for (const { model, fields } of readModels()) {
      const table = database[lowerFirst(model) as 'stock']
      for (const empty of [false, true]) {
        await table.deleteMany()
        const row = Object.fromEntries(fields.map((field) => [field.name, sampleOf(field, empty)]))
        await table.create({ data: row as never })
        expect(await table.findMany(), model).toEqual([row])
      }
    }
  })
})

/** A value near the end of what the column takes; null for one that may be, when `empty`. */
function sampleOf({ type, values, optional, native }: Field, empty: boolean): unknown {
  if (optional && empty) return null
  if (values) return values.at(-1)
  switch (type) {
    case 'String':
      return native.startsWith('Char') ? '0'.repeat(36) : `"'\\`
    case 'Int':
      return /Tiny/.test(native)
        ? 255
        : /Small/.test(native)
          ? 65_535
          : /Unsigned/.test(native)
            ? 2 ** 32 - 1
            : -5
    case 'BigInt':
      return /Unsigned/.test(native) ? 2n ** 64n - 1n : -(2n ** 63n)
    case 'DateTime':
      return new Date('2026-12-12T12:12:12.123Z')
    case 'Boolean':
      return true
    default:
      throw new Error(`there is no sample of ${type}`)
  }
}

function lowerFirst(name: string): string {
  return (name[0] as string).toLowerCase() + name.slice(1)
}

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

interface Field {
  name: string
  column: string
  type: string
  /** Of an enum. */
  values: string[] | undefined
  optional: boolean
  /** What follows `@db.`, or ''. */
  native: string
  attributes: string
}

/** The models of prisma/schema.prisma, as far as it uses the language. */
function readModels(): { model: string; table: string; fields: Field[]; body: string }[] {
  const text = readFileSync(new URL('schema.prisma', root), 'utf8').replace(/^\s*\/\/.*$/gm, '')
  const enums = new Map<string, string[]>()
  for (const [, name, body] of text.matchAll(/^enum (\w+) \{([^}]*)\}/gm)) {
    const values = (body as string).split('\n').flatMap((line) => /^\s*(\w+)\s*$/.exec(line)?.[1] ?? [])
    enums.set(name as string, values)
  }
  return [...text.matchAll(/^model (\w+) \{([^}]*)\}/gm)].map((match) => {
    const [, model, body] = match as unknown as [string, string, string]
    const fields = body.split('\n').flatMap((line) => {
      const found = /^\s*(\w+)\s+(\w+)(\?)?(.*)$/.exec(line)
      if (!found) return []
      const [, name, type, optional, attributes] = found as unknown as [
        string,
        string,
        string,
        string,
        string,
      ]
      return {
        name,
        column: /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name,
        type,
        values: enums.get(type),
        optional: optional === '?',
        native: /@db\.(\w+(?:\(\d+\))?)/.exec(attributes)?.[1] ?? '',
        attributes,
      }
    })
    return { model, table: /@@map\("(\w+)"\)/.exec(body)?.[1] ?? model, fields, body }
  })
}

/** The tables as the schema describes them. */
function readSchema(): Map<string, Table> {
  const tables = new Map<string, Table>()
  for (const { table, fields, body } of readModels()) {
    const found: Table = { columns: {}, keys: {} }
    for (const field of fields) {
      found.columns[field.column] = columnType(field) + (field.optional ? ' null' : '')
      if (/@id\b/.test(field.attributes)) found.keys.PRIMARY = field.column
      if (/@unique\b/.test(field.attributes)) found.keys[`${table}_${field.column}_key`] = field.column
    }
    for (const [, kind, names, map] of body.matchAll(/@@(id|index)\(\[([^\]]+)\](?:, map: "(\w+)")?\)/g)) {
      const columns = (names as string).split(',').map((name) => {
        return fields.find((field) => field.name === name.trim())?.column
      })
      found.keys[kind === 'id' ? 'PRIMARY' : (map as string)] = columns.join()
    }
    tables.set(table, found)
  }
  return tables
}

function columnType({ type, values, native }: Field): string {
  if (values) return `enum(${values.map((value) => `'${value}'`).join(',')})`
  const unsigned = /^Unsigned(\w+)$/.exec(native)
  if (unsigned) return `${(unsigned[1] as string).toLowerCase()} unsigned`
  return type === 'Boolean' ? 'tinyint(1)' : (native || type).toLowerCase()
}
