import { type Config, ConfigError } from '../config.js'
import { type ApiKey, hashKey, isScope, newKeyText, type Scope, scopes } from '../domain/api-key.js'
import { apiKeyNamePattern, apiKeysMax } from '../domain/limits.js'
import { createKey, type ListedKey, listKeys, readKeys, revokeKey } from '../ledger/api-keys.js'
import { type Database, openDatabase } from '../ledger/database.js'
import { readStoreNames } from '../ledger/store-ledger.js'
import { ApiKeyCopy } from '../stock/api-key-copy.js'
import { connectRedis } from '../stock/connection.js'
import { readCommandLine } from './command-line.js'
import { reachServers, reasonOf } from './given-servers.js'

/** Exit statuses. */
const done = 0
const notDone = 1

const usage = `holdfast keys create --name NAME --scopes SCOPE,... [--store NAME] [--expires TIME]
holdfast keys list
holdfast keys revoke NAME
SCOPE is one of ${scopes.join(', ')}; TIME is like 2027-12-31T23:59:59Z, or 90d for days from now.`

type Arguments = { verb: 'create'; key: ApiKey } | { verb: 'list' } | { verb: 'revoke'; name: string }

/** Creates, lists or revokes API keys. Running APIs know of it within a few seconds. */
export async function runKeys(given: Config, args: readonly string[]): Promise<number> {
  const asked = readArguments(args)
  const config = await reachServers(given, 'keys')
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: 1,
    connectTimeoutMs: config.connectTimeoutMs,
  })
  try {
    switch (asked.verb) {
      case 'create':
        return await create(config, database, asked.key)
      case 'list':
        return await list(database)
      case 'revoke':
        return await revoke(config, database, asked.name)
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    console.error(`MySQL did not do it: ${reasonOf(error)}. Look at "holdfast keys list".`)
    return notDone
  } finally {
    await database.$disconnect()
  }
}

/** @throws ConfigError */
function readArguments(args: readonly string[]): Arguments {
  const { positionals, values } = parse(args)
  const [verb, name, ...more] = positionals
  const hasOptions = Object.keys(values).length > 0
  if (verb === 'list' && name === undefined && !hasOptions) return { verb }
  if (verb === 'revoke' && name !== undefined && more.length === 0 && !hasOptions) return { verb, name }
  if (verb !== 'create' || name !== undefined) throw new ConfigError(usage)
  return { verb, key: readKey(values) }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { name: text, scopes: text, store: text, expires: text }
  return readCommandLine(args, { options, allowPositionals: true }, usage)
}

function readKey(values: ReturnType<typeof parse>['values']): ApiKey {
  const { name, store, expires } = values
  if (name === undefined || values.scopes === undefined) throw new ConfigError(usage)
  if (!new RegExp(apiKeyNamePattern).test(name)) {
    throw new ConfigError(`--name must be 1 to 64 characters A-Z a-z 0-9 . _ -, not "${name}".`)
  }
  return {
    name,
    store,
    scopes: readScopes(values.scopes),
    expiresAtMs: expires === undefined ? undefined : readExpiry(expires),
  }
}

function readScopes(text: string): Scope[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  if (!names.every(isScope)) {
    throw new ConfigError(`--scopes must be of ${scopes.join(', ')}, joined by commas, not "${text}".`)
  }
  return names
}

const dayMs = 86_400_000
/** RFC 3339, which names its offset: a time of nobody's zone could be anyone's. */
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

function readExpiry(text: string): number {
  const days = /^([1-9]\d{0,4})d$/.exec(text)?.[1]
  const atMs = days === undefined ? parseTime(text) : Date.now() + Number(days) * dayMs
  if (atMs > Date.now()) return atMs
  throw new ConfigError(`--expires must be a future time like 2027-12-31T23:59:59Z or 90d, not "${text}".`)
}

/** @returns NaN, which is at no time, when the text is none. */
function parseTime(text: string): number {
  const day = text.slice(0, 10)
  // Date.parse makes 2 March of 30 February.
  const isDay = new Date(day).toJSON()?.slice(0, 10) === day
  return isDay && timePattern.test(text) ? Date.parse(text) : Number.NaN
}

async function create(config: Config, database: Database, key: ApiKey): Promise<number> {
  await requireStore(config, database, key.store)
  const text = newKeyText(key.name)
  switch (await createKey(database, { ...key, sha256: hashKey(text).toString('hex') })) {
    case 'created':
      // The key alone goes to standard output, for a script to take.
      console.log(text)
      console.error(`Keep it: it is shown this once. From now on it ${describe(key)}.`)
      await renewCopies(config, database)
      return done
    case 'name-used':
      console.error(
        `There is or was a key named ${key.name}: choose another name, and revoke that one if nobody has it.`,
      )
      return notDone
    case 'too-many':
      console.error(`There are ${apiKeysMax} keys already: revoke those that nobody needs.`)
      return notDone
  }
}

function describe({ store, scopes, expiresAtMs }: ApiKey): string {
  const where = store === undefined ? 'all stores' : `the store ${store}`
  const until = expiresAtMs === undefined ? '' : ` until ${formatTime(expiresAtMs)}`
  return `opens ${where} for ${scopes.join(', ')}${until}`
}

async function list(database: Database): Promise<number> {
  const keys = await listKeys(database)
  if (keys.length === 0) {
    console.log('There are no keys: on loopback no call needs one until the first is created.')
    return done
  }
  for (const key of keys) console.log(`${key.name}: ${stateOf(key)}; created ${key.createdAt.toISOString()}`)
  return done
}

function stateOf(key: ListedKey): string {
  if (key.revokedAt) return `revoked ${key.revokedAt.toISOString()}`
  const isExpired = key.expiresAtMs !== undefined && key.expiresAtMs <= Date.now()
  return isExpired ? `expired ${formatTime(key.expiresAtMs as number)}` : describe(key)
}

async function revoke(config: Config, database: Database, name: string): Promise<number> {
  const revokedAt = await revokeKey(database, name)
  if (!revokedAt) {
    console.error(`There is no key named ${name}. See "holdfast keys list".`)
    return notDone
  }
  console.log(`${name} is revoked since ${revokedAt.toISOString()}; running APIs refuse it in a few seconds.`)
  await renewCopies(config, database)
  return done
}

/**
 * Brings the copies in Redis up to date, for an API that starts while MySQL is away: no API may run now
 * that would do it.
 */
async function renewCopies(config: Config, database: Database): Promise<void> {
  try {
    const redis = await connectRedis(config.redisUrl, config)
    try {
      const copy = new ApiKeyCopy(redis, await knownStores(config, database))
      await copy.write(JSON.stringify(await readKeys(database)))
    } finally {
      redis.disconnect()
    }
  } catch (error) {
    console.error(
      `The copy of the keys in Redis could not be renewed (${reasonOf(error)}): until an API has run with MySQL, one that starts without MySQL does not know of this.`,
    )
  }
}

/** Those of this command's settings, and those that any service ever served: its settings may be others. */
async function knownStores({ stores }: Config, database: Database): Promise<string[]> {
  return [...new Set([...stores, ...(await readStoreNames(database))])]
}

/** @throws ConfigError for a name that is most likely mistyped: its key would open nothing. */
async function requireStore(config: Config, database: Database, store: string | undefined): Promise<void> {
  if (store === undefined) return
  const known = await knownStores(config, database)
  if (known.includes(store)) return
  throw new ConfigError(
    `--store must be a store that was served or is one of HOLDFAST_STORES (${known.join(', ')}), not "${store}".`,
  )
}

/** RFC 3339 in UTC. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString()
}
