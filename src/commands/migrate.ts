import type { Config } from '../config.js'
import { StartupError } from '../embedded/startup-error.js'
import { openDatabase } from '../ledger/database.js'
import { migrate } from '../ledger/migrations.js'
import { reasonOf, requireServers } from './given-servers.js'

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
    isPatient: true,
  })
  try {
    return await migrate(database)
  } catch (error) {
    throw new StartupError(`MySQL cannot be migrated: ${reasonOf(error)}.`)
  } finally {
    await database.$disconnect()
  }
}
