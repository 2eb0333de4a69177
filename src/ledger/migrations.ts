import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Database } from './database.js'
import { Prisma } from './prisma-client/client.js'

/** Beside `src/` and beside `dist/` alike. */
const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url))

/** Prisma's own record of migrations, so that `prisma migrate deploy` agrees with ours. */
const migrationsTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                  VARCHAR(36) NOT NULL,
  checksum            VARCHAR(64) NOT NULL,
  finished_at         DATETIME(3) NULL,
  migration_name      VARCHAR(255) NOT NULL,
  logs                TEXT NULL,
  rolled_back_at      DATETIME(3) NULL,
  started_at          DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  applied_steps_count INT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`

/**
 * Applies the migrations that the database does not have yet, in the order of their names. Several
 * processes may do it at once: a lock of the server lets one work while the others wait.
 *
 * @param database with a single connection, because the lock belongs to a connection.
 * @returns the names of those applied.
 * @throws Error when an applied migration's file was changed since.
 */
export async function migrate(database: Database): Promise<string[]> {
  const [lock] = await database.$queryRawUnsafe<{ taken: bigint | number | null }[]>(
    "SELECT GET_LOCK('holdfast-migrate', 60) AS taken",
  )
  if (Number(lock?.taken) !== 1) throw new Error('another process has been migrating for over 60 seconds')
  try {
    await database.$executeRawUnsafe(migrationsTable)
    const applied: string[] = []
    for (const name of migrationNames()) {
      if (await applyMigration(database, name)) applied.push(name)
    }
    return applied
  } finally {
    await database.$queryRawUnsafe("SELECT RELEASE_LOCK('holdfast-migrate')")
  }
}

/** The names of the migrations this version of Holdfast knows. */
export function migrationNames(): string[] {
  return readdirSync(migrationsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

/** The migrations the database lacks; all of them when it was never migrated. */
export async function pendingMigrations(database: Database): Promise<string[]> {
  const [table] = await database.$queryRawUnsafe<{ found: bigint | number }[]>(
    `SELECT COUNT(*) AS found FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_name = '_prisma_migrations'`,
  )
  if (Number(table?.found) === 0) return migrationNames()
  const rows = await database.$queryRawUnsafe<{ migration_name: string }[]>(
    'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL',
  )
  const finished = new Set(rows.map((row) => row.migration_name))
  return migrationNames().filter((name) => !finished.has(name))
}

/**
 * Runs one migration unless it is applied. A crash in the middle leaves it recorded as started; its
 * statements are written so that running them again completes it.
 */
async function applyMigration(database: Database, name: string): Promise<boolean> {
  const sql = readFileSync(`${migrationsFolder}${name}/migration.sql`, 'utf8')
  const checksum = createHash('sha256').update(sql).digest('hex')
  const [known] = await database.$queryRawUnsafe<
    { id: string; checksum: string; finished_at: Date | null }[]
  >(
    'SELECT id, checksum, finished_at FROM _prisma_migrations WHERE migration_name = ? AND rolled_back_at IS NULL',
    name,
  )
  if (known?.finished_at) {
    if (known.checksum !== checksum) throw new Error(`migration ${name} was changed after it was applied`)
    return false
  }
  const id = known?.id ?? randomUUID()
  await database.$executeRawUnsafe(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (?, ?, ?)
     ON DUPLICATE KEY UPDATE checksum = VALUES(checksum)`,
    id,
    checksum,
    name,
  )
  const statements = splitStatements(sql)
  for (const statement of statements) {
    await database.$executeRawUnsafe(statement).catch((error) => {
      if (!hasColumnsAlready(error)) throw error
    })
  }
  await database.$executeRawUnsafe(
    'UPDATE _prisma_migrations SET finished_at = CURRENT_TIMESTAMP(3), applied_steps_count = ? WHERE id = ?',
    1,
    id,
  )
  return true
}

/** MySQL has no ADD COLUMN IF NOT EXISTS; what an ALTER TABLE adds is there as a whole or not at all. */
function hasColumnsAlready(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && /\b1060\b/.test(error.message)
}

/** Statements end with a semicolon at the end of a line; comments are lines that begin with `--`. */
function splitStatements(sql: string): string[] {
  return sql
    .replace(/^--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
