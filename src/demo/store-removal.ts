import type { Redis } from 'ioredis'
import type { Database } from '../ledger/database.js'
import { storeKeys } from '../stock/keys.js'

/** Removes all of a store, and the API keys for it alone, from Redis and MySQL, once no process serves it any more. */
export async function removeStore(redis: Redis, database: Database, store: string): Promise<void> {
  const prefix = storeKeys(store).stock.replace(/stock$/, '')
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys)
  }
  await database.apiKey.deleteMany({ where: { store } })
  const row = await database.store.findUnique({ where: { name: store } })
  if (!row) return
  // Asked of the database, so that a table added later is not forgotten.
  const tables = await database.$queryRaw<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.columns
    WHERE table_schema = DATABASE() AND column_name = 'store_id'`
  for (const { name } of tables) {
    await database.$executeRawUnsafe(`DELETE FROM \`${name}\` WHERE store_id = ?`, row.id)
  }
  await database.store.delete({ where: { id: row.id } })
}
