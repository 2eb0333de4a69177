import { type ApiKey, hashKey, newKeyText } from '../../src/domain/api-key.js'
import { createKey } from '../../src/ledger/api-keys.js'
import type { Database } from '../../src/ledger/database.js'

let made = 0

/** Keeps a key in MySQL that opens every store for everything, unless it is told otherwise. @returns its text. */
export async function makeKey(database: Database, changes: Partial<ApiKey> = {}): Promise<string> {
  const key: ApiKey = {
    name: `key-${++made}`,
    store: undefined,
    scopes: ['admin'],
    expiresAtMs: undefined,
    ...changes,
  }
  const text = newKeyText(key.name)
  const outcome = await createKey(database, { ...key, sha256: hashKey(text).toString('hex') })
  if (outcome !== 'created') throw new Error(`the key was not made: ${outcome}`)
  return text
}
