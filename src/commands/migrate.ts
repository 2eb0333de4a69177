import type { Config } from '../config.js'
import { StartupError } from '../embedded/startup-error.js'
import { openDatabase } from '../ledger/database.js'
import { migrate } from '../ledger/migrations.js'
import { requireServers } from './given-servers.js'

/** Brings the tables up to date and says what it did. */
export async function runMigrate(config: Config): Promise<number> {
  requireServers(config, 'migrate')
  const applied = await migrateDatabase(config)
  console.log(applied.length === 0 ? 'The tables are up to date.' : `Applied ${applied.join(', ')}.`)
  return 0
}

/** @throws StartupError when MySQL cannot be reached or migrated. */
export async function migrateDatabase(config: Config): Promise<string[]> {
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: 1,
    connectTimeoutMs: config.connectTimeoutMs,
  })
  try {
    return await migrate(database)
  } catch (error) {
    throw new StartupError(`MySQL cannot be migrated: ${reason(error)}.`)
  } finally {
    await database.$disconnect()
  }
}

/** On one line, and without Prisma's account of its own call. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .replace(/^\s*Invalid `[^`]*` invocation:/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '')
}
