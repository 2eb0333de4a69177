import type { Redis } from 'ioredis'

/**
 * Takes or renews a lease. Leases only save work that another process is doing already: nothing
 * that must be right depends on them. A Redis that is full grants one to everybody, because the
 * holder may be the one whose work makes room.
 */
export async function takeLease(redis: Redis, key: string, owner: string, leaseMs: number): Promise<boolean> {
  try {
    if ((await redis.set(key, owner, 'PX', leaseMs, 'NX')) === 'OK') return true
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('OOM ')) return true
    throw error
  }
  if ((await redis.get(key)) !== owner) return false
  await redis.pexpire(key, leaseMs)
  return true
}

export async function endLease(redis: Redis, key: string, owner: string): Promise<void> {
  if ((await redis.get(key)) === owner) await redis.del(key)
}
