import { Redis } from 'ioredis'

/**
 * A connection for commands that change stock.
 *
 * - A command whose connection was lost is never sent again by the client: its effect is unknown,
 *   and the caller repeats with its idempotency key. `maxRetriesPerRequest: 0` is what makes the
 *   client report it at once.
 * - While there is no connection a command fails at once rather than wait in a queue.
 * - `commandTimeoutMs` bounds the wait for a server that is connected and frozen.
 *
 * @throws Error when Redis cannot be reached within `connectTimeoutMs`.
 */
export async function connectRedis(
  url: string,
  options: { connectTimeoutMs: number; commandTimeoutMs: number },
): Promise<Redis> {
  const redis = new Redis(url, {
    ...baseOptions,
    connectTimeout: options.connectTimeoutMs,
    commandTimeout: options.commandTimeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  })
  await ready(redis, options.connectTimeoutMs)
  return redis
}

/** A connection that waits: for entries (XREAD BLOCK) or messages (SUBSCRIBE). */
export async function connectWaitingRedis(url: string, connectTimeoutMs: number): Promise<Redis> {
  const redis = new Redis(url, {
    ...baseOptions,
    connectTimeout: connectTimeoutMs,
    maxRetriesPerRequest: 0,
  })
  await ready(redis, connectTimeoutMs)
  return redis
}

/** A connection for a BullMQ worker, which asks that its commands wait for a reconnect. */
export async function connectJobRedis(url: string, connectTimeoutMs: number): Promise<Redis> {
  const redis = new Redis(url, {
    ...baseOptions,
    connectTimeout: connectTimeoutMs,
    maxRetriesPerRequest: null,
  })
  await ready(redis, connectTimeoutMs)
  return redis
}

const baseOptions = {
  lazyConnect: true,
  protocol: 2 as const,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (attempt: number) => Math.min(50 * attempt, 1000),
}

/** Connects, with the client's own retries, until ready or out of time. */
async function ready(redis: Redis, timeoutMs: number): Promise<void> {
  let lastError: Error | undefined
  redis.on('error', (error: Error) => {
    lastError = error
  })
  redis.connect().catch(() => {})
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.disconnect()
      reject(new Error(`Redis cannot be reached: ${lastError?.message ?? 'no answer'}`))
    }, timeoutMs)
    redis.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** The run id of the server a connection leads to; it changes with every restart and promotion. */
export async function readRunId(redis: Redis): Promise<string> {
  const info = await redis.info('server')
  const runId = /^run_id:(\w+)/m.exec(info)?.[1]
  if (!runId) throw new Error('Redis did not tell its run id')
  return runId
}
