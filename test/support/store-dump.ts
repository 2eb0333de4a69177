import type { Redis } from 'ioredis'
import { storeKeys } from '../../src/stock/keys.js'

/**
 * Everything Redis holds under a store's prefix, key by key, for comparing before and after: what
 * was refused must have changed nothing. BullMQ's keys are left out: the job of an accepted call is
 * added beside its answer, whenever that is.
 */
export async function dumpStore(redis: Redis, store: string): Promise<Record<string, unknown>> {
  const names: string[] = []
  for await (const keys of redis.scanStream({ match: `holdfast:{${store}}:*`, count: 1000 })) {
    names.push(...(keys as string[]).filter((name) => !name.startsWith(storeKeys(store).jobs)))
  }
  const dump: Record<string, unknown> = {}
  for (const name of [...new Set(names)].sort()) dump[name] = await readKey(redis, name)
  return dump
}

async function readKey(redis: Redis, name: string): Promise<unknown> {
  switch (await redis.type(name)) {
    case 'hash':
      return redis.hgetall(name)
    case 'zset':
      return redis.zrange(name, 0, '-1', 'WITHSCORES')
    case 'stream':
      return redis.xrange(name, '-', '+')
    case 'list':
      return redis.lrange(name, 0, -1)
    case 'set':
      return (await redis.smembers(name)).sort()
    default:
      return { value: await redis.get(name), expiresAtMs: await redis.pexpiretime(name) }
  }
}
