import type { Redis } from 'ioredis'
import type { StoreKeys } from '../../src/stock/keys.js'

/** Redis' clock. */
export async function redisNowMs(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time()
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

/** Moves the deadline of a held reservation to now, or further back: from here on it is overdue. */
export async function makeOverdue(redis: Redis, keys: StoreKeys, id: string, byMs = 0): Promise<void> {
  const fields = ((await redis.hget(keys.reservations, id)) as string).split('\t')
  const deadlineMs = (await redisNowMs(redis)) - byMs
  fields[3] = String(deadlineMs)
  await redis.hset(keys.reservations, id, fields.join('\t'))
  await redis.zadd(keys.deadlines, deadlineMs, id)
}
