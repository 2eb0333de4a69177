import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { endLease, takeLease } from '../../src/stock/lease.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { eventually } from '../support/test-store.js'

const redis = new Redis((await openPrivateRedis()).url)
afterAll(() => redis.disconnect())

test.for(['0', '1mb'])('of many at once one gets the lease, with maxmemory %s', async (maxmemory) => {
  await redis.config('SET', 'maxmemory', maxmemory)
  const key = randomUUID()
  const owners = Array.from({ length: 8 }, (_, i) => `owner-${i}`)
  const taken = await Promise.all(owners.map((owner) => takeLease(redis, key, owner, 60_000)))
  expect(taken.filter(Boolean)).toHaveLength(1)
  const holder = owners[taken.indexOf(true)] as string
  const other = owners[taken.indexOf(false)] as string
  expect(await takeLease(redis, key, holder, 90_000)).toBe(true)
  expect(await redis.pttl(key)).toBeGreaterThan(60_000)
  await endLease(redis, key, other)
  expect(await redis.get(key)).toBe(holder)
  await endLease(redis, key, holder)
  expect(await takeLease(redis, key, other, 20)).toBe(true)
  await eventually(() => takeLease(redis, key, holder, 60_000), 'the lease of one that died is free')
})

test('a lease taken while the clock of Redis was an hour ahead is free after the time of a lease', async () => {
  await redis.config('SET', 'maxmemory', '0')
  const key = randomUUID()
  await takeLease(redis, key, 'died', 3_600_000)
  await eventually(() => takeLease(redis, key, 'next', 20), 'the lease is free')
})
