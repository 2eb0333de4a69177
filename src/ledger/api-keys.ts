import { type ApiKey, isScope } from '../domain/api-key.js'
import { apiKeysMax } from '../domain/limits.js'
import type { Database } from './database.js'
import type { ApiKey as ApiKeyRow } from './prisma-client/client.js'

/** The API keys in MySQL. Every function rejects when MySQL fails. */

/** A key as it is kept. */
export interface StoredKey extends ApiKey {
  /** Of its text, in lower-case hex. */
  sha256: string
}

/** What a process that answers calls has to know. */
export interface KnownKeys {
  /** Those that are not revoked; some may have expired. */
  keys: StoredKey[]
  /** Whether there ever was one: from then on keys are asked for, also when all of them are revoked. */
  anyEver: boolean
}

export async function readKeys(database: Database): Promise<KnownKeys> {
  // First, so that the first key is known when a service asks for keys because of it.
  const everMade = await database.apiKey.count()
  const rows = await database.apiKey.findMany({ where: { revokedAt: null } })
  return { keys: rows.map(toStoredKey), anyEver: rows.length > 0 || everMade > 0 }
}

/** What an administrator is shown of a key. */
export interface ListedKey extends ApiKey {
  createdAt: Date
  revokedAt: Date | undefined
}

/** All keys that there ever were, the newest last. */
export async function listKeys(database: Database): Promise<ListedKey[]> {
  const rows = await database.apiKey.findMany({ orderBy: [{ createdAt: 'asc' }, { name: 'asc' }] })
  return rows.map((row) => ({
    ...toApiKey(row),
    createdAt: row.createdAt,
    revokedAt: row.revokedAt ?? undefined,
  }))
}

/**
 * Keeps a new key.
 *
 * @returns `name-used` when there is or was a key of that name: the ledger tells by it who changed stock.
 */
export async function createKey(
  database: Database,
  key: StoredKey,
): Promise<'created' | 'name-used' | 'too-many'> {
  if ((await database.apiKey.count({ where: { revokedAt: null } })) >= apiKeysMax) return 'too-many'
  const { count } = await database.apiKey.createMany({
    data: [
      {
        name: key.name,
        sha256: key.sha256,
        store: key.store ?? null,
        scopes: key.scopes.join(','),
        expiresAt: key.expiresAtMs === undefined ? null : new Date(key.expiresAtMs),
      },
    ],
    skipDuplicates: true,
  })
  return count === 1 ? 'created' : 'name-used'
}

/** Ends a key for good. @returns when that was, also when it was before; undefined for an unknown name. */
export async function revokeKey(database: Database, name: string): Promise<Date | undefined> {
  await database.apiKey.updateMany({ where: { name, revokedAt: null }, data: { revokedAt: new Date() } })
  const row = await database.apiKey.findUnique({ where: { name }, select: { revokedAt: true } })
  return row?.revokedAt ?? undefined
}

function toStoredKey(row: ApiKeyRow): StoredKey {
  return { ...toApiKey(row), sha256: row.sha256 }
}

function toApiKey({ name, store, scopes, expiresAt }: ApiKeyRow): ApiKey {
  return {
    name,
    store: store ?? undefined,
    // A scope of a newer version means nothing here.
    scopes: scopes.split(',').filter(isScope),
    expiresAtMs: expiresAt?.getTime(),
  }
}
