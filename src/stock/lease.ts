import type { Redis } from 'ioredis'

/**
 * Takes or renews a lease. Leases only save work that another process is doing already: nothing
 * that must be right depends on them. They are granted when Redis is full, too: the holder may be the
 * one whose work makes room, and without one all would do it. None lasts longer than leases do: one
 * taken while the clock of Redis was ahead would outlive its holder by as much.
 */
export async function takeLease(redis: Redis, key: string, owner: string, leaseMs: number): Promise<boolean> {
  return (await redis.eval(take, 1, key, owner, leaseMs)) === 1
}

export async function endLease(redis: Redis, key: string, owner: string): Promise<void> {
  await redis.eval(end, 1, key, owner)
}

const take = `#!lua flags=allow-oom
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

const end = `#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 0`
