import { Redis } from 'ioredis'

export interface ConnectionLimits {
  connectTimeoutMs: number
  /** How long an answer that is due may take. A connection that is silent for longer is given up. */
  commandTimeoutMs: number
}

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
export async function connectRedis(url: string, limits: ConnectionLimits): Promise<Redis> {
  const redis = new Redis(url, {
    ...baseOptions,
    connectTimeout: limits.connectTimeoutMs,
    commandTimeout: limits.commandTimeoutMs,
    socketTimeout: limits.commandTimeoutMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  })
  // Each part of each store listens. Not 0, for no limit: BullMQ adds to it, which would make it one.
  redis.setMaxListeners(listenersMax)
  await ready(redis, limits.connectTimeoutMs)
  return redis
}

/** A connection that waits for entries (XREAD BLOCK), each time for less than `commandTimeoutMs`. */
export async function connectBlockingRedis(url: string, limits: ConnectionLimits): Promise<Redis> {
  const redis = new Redis(url, waitingOptions(limits))
  await ready(redis, limits.connectTimeoutMs)
  return redis
}

const heartbeatMs = 1000
const listenersMax = 10_000

/**
 * A connection that only subscribes. Nothing is ever due on it, so that a peer which is gone without
 * a word would not be noticed: it is asked for a sign of life once a second.
 *
 * Whoever subscribes does so again at each `ready`: the client's own way to do it leaves a promise that
 * nobody handles when the connection is lost once more, and ends the process.
 */
export async function connectSubscriber(url: string, limits: ConnectionLimits): Promise<Redis> {
  const redis = new Redis(url, { ...waitingOptions(limits), autoResubscribe: false })
  // Each store listens.
  redis.setMaxListeners(0)
  await ready(redis, limits.connectTimeoutMs)
  const heartbeat = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => {})
  }, heartbeatMs)
  heartbeat.unref()
  redis.once('end', () => clearInterval(heartbeat))
  return redis
}

/**
 * Subscribes now and at each `ready`. A connection that is lost meanwhile does so when it is back.
 *
 * @throws what Redis answers; not that it did not.
 */
export async function subscribeForGood(subscriber: Redis, subscribe: () => Promise<unknown>): Promise<void> {
  subscriber.on('ready', () => {
    subscribe().catch(() => {})
  })
  await subscribe().catch((error) => {
    if (subscriber.status === 'ready') throw error
  })
}

/** BullMQ blocks for at most 10 s; its jobs only save the expirer's sweep some time. */
const jobSilenceMsMax = 30_000

/** A connection for a BullMQ worker, which asks that its commands wait for a reconnect. */
export async function connectJobRedis(url: string, connectTimeoutMs: number): Promise<Redis> {
  const redis = new Redis(url, {
    ...baseOptions,
    connectTimeout: connectTimeoutMs,
    socketTimeout: jobSilenceMsMax,
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

function waitingOptions(limits: ConnectionLimits) {
  return {
    ...baseOptions,
    connectTimeout: limits.connectTimeoutMs,
    socketTimeout: limits.commandTimeoutMs,
    maxRetriesPerRequest: 0,
  }
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
