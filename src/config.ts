import { storePattern, ttlSecondsMax } from './domain/limits.js'

/** A configuration that cannot be used; the message is one sentence that names the variable. */
export class ConfigError extends Error {}

interface Setting<T> {
  variable: string
  /** For people: what it is, with its unit. */
  description: string
  /** As a person would write it in the environment; '' when there is none. */
  standard: string
  parse(text: string, variable: string): T
}

function text(variable: string, standard: string, description: string): Setting<string> {
  return { variable, description, standard, parse: (value) => value }
}

function whole(
  variable: string,
  standard: number,
  range: readonly [min: number, max: number],
  description: string,
): Setting<number> {
  const [min, max] = range
  const parse = (value: string) => {
    const number = Number(value)
    if (!/^\d{1,15}$/.test(value) || number < min || number > max) {
      throw new ConfigError(`${variable} must be a whole number from ${min} to ${max}, not "${value}".`)
    }
    return number
  }
  return { variable, description, standard: String(standard), parse }
}

function choice<T extends string>(
  variable: string,
  standard: T,
  choices: readonly T[],
  description: string,
): Setting<T> {
  const parse = (value: string) => {
    if ((choices as readonly string[]).includes(value)) return value as T
    throw new ConfigError(`${variable} must be one of ${choices.join(', ')}, not "${value}".`)
  }
  return { variable, description, standard, parse }
}

/** @param parameters those that it may have, with their values; undefined: any. */
function url(
  variable: string,
  protocols: readonly string[],
  description: string,
  parameters?: Readonly<Record<string, readonly string[]>>,
): Setting<string> {
  const parse = (value: string) => {
    if (value === '') return ''
    // The value may hold a password, so it is not repeated.
    if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol)) {
      throw new ConfigError(`${variable} must be a URL that begins with ${protocols.join('// or ')}//.`)
    }
    if (!isDecodable(value)) {
      throw new ConfigError(
        `${variable} has a % that is not the begin of an encoded character: write it as %25.`,
      )
    }
    if (parameters) checkParameters(variable, new URL(value), parameters)
    return value
  }
  return { variable, description, standard: '', parse }
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** What is not understood might be what keeps a connection safe. */
function checkParameters(
  variable: string,
  { searchParams, hash }: URL,
  parameters: Readonly<Record<string, readonly string[]>>,
): void {
  const taken = Object.entries(parameters).flatMap(([name, values]) =>
    values.map((each) => `${name}=${each}`),
  )
  const given = [...searchParams].map(([name, value]) => `${name}=${value}`)
  const names = new Set(searchParams.keys())
  if (hash !== '' || names.size < given.length || !given.every((each) => taken.includes(each))) {
    throw new ConfigError(`${variable} may end with ?${taken.join(' or ?')}, and with nothing else.`)
  }
}

function stores(variable: string, standard: string, description: string): Setting<string[]> {
  const parse = (value: string) => {
    const names = [...new Set(value.split(',').map((name) => name.trim()))]
    for (const name of names) {
      if (!new RegExp(storePattern).test(name)) {
        throw new ConfigError(
          `${variable} must be names of 1 to 64 characters A-Z a-z 0-9 . _ - joined by commas, not "${value}".`,
        )
      }
    }
    return names
  }
  return { variable, description, standard, parse }
}

/** Every setting there is. The README's table is held against this by a test. */
export const settings = {
  host: text('HOST', '127.0.0.1', 'address that is listened on; beyond loopback the API wants API keys'),
  port: whole('PORT', 3000, [0, 65_535], 'port the API listens on; 0 picks a free one'),
  workerPort: whole(
    'HOLDFAST_WORKER_PORT',
    0,
    [0, 65_535],
    'port that `worker` listens on at HOST for `/metrics`, `/healthz` and `/readyz`; 0: none',
  ),
  redisUrl: url(
    'REDIS_URL',
    ['redis:', 'rediss:'],
    'Redis 7 or newer, over TLS with rediss://; unset together with DATABASE_URL: a private one is started',
  ),
  databaseUrl: url(
    'DATABASE_URL',
    ['mysql:', 'mariadb:'],
    'MySQL 8 or MariaDB 10.11 and newer, over TLS with ?ssl=true; unset together with REDIS_URL: a private one is started',
    { ssl: ['true', 'false'] },
  ),
  dataFolder: text('HOLDFAST_DATA', '.holdfast', 'folder of the private servers'),
  redisMemoryMb: whole(
    'HOLDFAST_REDIS_MEMORY_MB',
    0,
    [0, 16_777_216],
    "MB of memory that the private Redis may use; 0: a fifth of the machine's",
  ),
  stores: stores(
    'HOLDFAST_STORES',
    'main',
    'stores served, joined by commas; the first is used when a call names none',
  ),
  logLevel: choice(
    'LOG_LEVEL',
    'info',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'least severe level that is logged',
  ),
  ttlSecondsDefault: whole(
    'HOLDFAST_TTL_SECONDS',
    900,
    [1, ttlSecondsMax],
    'seconds a reservation is held when the call does not say',
  ),
  holdSecondsMax: whole(
    'HOLDFAST_HOLD_SECONDS_MAX',
    86_400,
    [1, 2_592_000],
    'seconds from its creation that a reservation can be extended to',
  ),
  retentionSeconds: whole(
    'HOLDFAST_RETENTION_SECONDS',
    86_400,
    [1, 2_592_000],
    'seconds an ended reservation and its idempotency key stay in Redis',
  ),
  confirmWaitMs: whole(
    'HOLDFAST_CONFIRM_WAIT_MS',
    1000,
    [0, 60_000],
    'ms a confirm waits for MySQL before it answers 202',
  ),
  expiryBucketMs: whole(
    'HOLDFAST_EXPIRY_BUCKET_MS',
    250,
    [50, 60_000],
    'ms of deadlines that one delayed job serves',
  ),
  expiryBatchMax: whole('HOLDFAST_EXPIRY_BATCH_MAX', 500, [1, 1000], 'reservations expired in one step'),
  sweepMs: whole('HOLDFAST_SWEEP_MS', 2000, [100, 60_000], 'ms between sweeps for what a lost job left'),
  reconcileSeconds: whole(
    'HOLDFAST_RECONCILE_SECONDS',
    3600,
    [0, 2_592_000],
    'seconds between comparisons of Redis with MySQL by the worker; 0: none',
  ),
  batchCallsMax: whole('HOLDFAST_BATCH_CALLS_MAX', 128, [1, 500], 'calls in one step of the gate'),
  batchLinesMax: whole('HOLDFAST_BATCH_LINES_MAX', 1000, [50, 5000], 'lines in one step of the gate'),
  batchesInFlightMax: whole(
    'HOLDFAST_BATCHES_IN_FLIGHT_MAX',
    2,
    [1, 64],
    'steps of one kind under way at once',
  ),
  callsWaitingMax: whole(
    'HOLDFAST_CALLS_WAITING_MAX',
    10_000,
    [1, 1_000_000],
    'calls of one kind that may wait; one more is answered 503',
  ),
  loopLagMsMax: whole(
    'HOLDFAST_LOOP_LAG_MS_MAX',
    500,
    [0, 60_000],
    'ms that an API process may lag before it refuses calls with 503 `overloaded`, payments and cancellations at four times as much; 0: never',
  ),
  redisLagMsMax: whole(
    'HOLDFAST_REDIS_LAG_MS_MAX',
    1000,
    [0, 60_000],
    'ms that an answer of Redis may take before it does the same; 0: never',
  ),
  keyCallsPerMinute: whole(
    'HOLDFAST_KEY_CALLS_PER_MINUTE',
    0,
    [0, 1_000_000_000],
    'calls of one API key in a minute, but for payments, cancellations and extensions; 0: any number',
  ),
  customerHoldsPerMinute: whole(
    'HOLDFAST_CUSTOMER_HOLDS_PER_MINUTE',
    0,
    [0, 1_000_000_000],
    'calls to reserve for one customerId in a minute, repeats and refusals included; 0: any number',
  ),
  connectionsMax: whole(
    'HOLDFAST_CONNECTIONS_MAX',
    10_000,
    [1, 1_000_000],
    'connections of clients to one API process; one more is closed at once',
  ),
  requestTimeoutMs: whole(
    'HOLDFAST_REQUEST_TIMEOUT_MS',
    10_000,
    [100, 600_000],
    'ms in which a request must have arrived; a connection whose peer does not read is cut after three times as long',
  ),
  idleTimeoutMs: whole(
    'HOLDFAST_IDLE_TIMEOUT_MS',
    75_000,
    [100, 3_600_000],
    "ms that a connection may be idle between two calls; longer than the balancer's",
  ),
  memoryPercentMax: whole(
    'HOLDFAST_MEMORY_PERCENT_MAX',
    90,
    [0, 100],
    "percent of Redis' maxmemory from which new reservations are refused; 0: never",
  ),
  ledgerLagMax: whole(
    'HOLDFAST_LEDGER_LAG_MAX',
    1_000_000,
    [0, 1_000_000_000],
    'ledger entries that MySQL may lack before new reservations are refused; 0: any number',
  ),
  writerLinesMax: whole(
    'HOLDFAST_WRITER_LINES_MAX',
    2000,
    [1, 10_000],
    'lines of ledger entries in one transaction',
  ),
  writerLingerMs: whole(
    'HOLDFAST_WRITER_LINGER_MS',
    100,
    [0, 1000],
    'ms that ledger entries gather before a transaction, unless a payment waits for one',
  ),
  databaseConnectionsMax: whole(
    'HOLDFAST_DATABASE_CONNECTIONS_MAX',
    5,
    [2, 1000],
    'connections to MySQL of one process',
  ),
  connectTimeoutMs: whole(
    'HOLDFAST_CONNECT_TIMEOUT_MS',
    10_000,
    [100, 600_000],
    'ms to wait for Redis and MySQL at start',
  ),
  commandTimeoutMs: whole(
    'HOLDFAST_COMMAND_TIMEOUT_MS',
    5000,
    [100, 600_000],
    'ms to wait for an answer of Redis',
  ),
  slowRequestMs: whole(
    'HOLDFAST_SLOW_REQUEST_MS',
    1000,
    [0, 600_000],
    'ms from which a call is logged as slow, with where its time went; 0: none',
  ),
  eventStreamsMax: whole(
    'HOLDFAST_EVENT_STREAMS_MAX',
    100,
    [0, 10_000],
    'event streams that one process serves at once; one more is answered 503',
  ),
  drainMs: whole(
    'HOLDFAST_DRAIN_MS',
    1000,
    [0, 600_000],
    'ms that `api` goes on serving after SIGTERM while /readyz says that it stops',
  ),
  shutdownMs: whole(
    'HOLDFAST_SHUTDOWN_MS',
    10_000,
    [100, 600_000],
    'ms that calls in flight get to finish after SIGTERM',
  ),
} as const satisfies Record<string, Setting<unknown>>

export type Config = {
  readonly [Name in keyof typeof settings]: ReturnType<(typeof settings)[Name]['parse']>
}

/**
 * Reads and checks every setting.
 *
 * @throws ConfigError with one sentence that names the variable.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const given = environment[setting.variable]
    values[name] = setting.parse(
      given === undefined || given === '' ? setting.standard : given,
      setting.variable,
    )
  }
  const config = values as Config
  if ((config.redisUrl === '') !== (config.databaseUrl === '')) {
    throw new ConfigError('REDIS_URL and DATABASE_URL must be set together, or neither.')
  }
  if (config.ttlSecondsDefault > config.holdSecondsMax) {
    throw new ConfigError('HOLDFAST_TTL_SECONDS must not be more than HOLDFAST_HOLD_SECONDS_MAX.')
  }
  return config
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
