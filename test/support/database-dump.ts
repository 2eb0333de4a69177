import type { Database } from '../../src/ledger/database.js'

/** Every row of every table, for comparing before and after: what was refused must have changed nothing. */
export async function dumpDatabase(database: Database): Promise<Record<string, string[]>> {
  const tables = await database.$queryRawUnsafe<{ name: string }[]>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name',
  )
  const dump: Record<string, string[]> = {}
  for (const { name } of tables) {
    const rows = await database.$queryRawUnsafe<object[]>(`SELECT * FROM \`${name}\``)
    dump[name] = rows.map((row) =>
      JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    )
    dump[name].sort()
  }
  return dump
}
