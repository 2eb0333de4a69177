import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { openPrivateRedis } from '../../support/private-redis.js'
import { openScriptStore, request, type ScriptStore } from '../../support/script-store.js'

const redis = new Redis((await openPrivateRedis()).url)
let store: ScriptStore

afterAll(() => {
  redis.disconnect()
})

beforeEach(async () => {
  await redis.config('SET', 'maxmemory', '0')
  store = await openScriptStore(redis)
  await store.setStock({ cup: 10 })
  for (const id of ['r1', 'late', 'ended']) await store.hold(id, 'cup:1', { key: `key-${id}` })
  await store.run('release', 'ended')
  await store.makeOverdue('late')
  await redis.config('SET', 'maxmemory', '1mb')
  await expect(redis.set('more', 'than fits')).rejects.toThrow(/^OOM /)
})

describe('when the memory of Redis is full', () => {
  test('reserve is refused with OOM and changes nothing', async () => {
    const before = await store.dump()
    await expect(store.reserve('r9', 'k', request('cup:1'))).rejects.toThrow(/^OOM /)
    expect(await store.dump()).toEqual(before)
  })

  test('confirm still sells', async () => {
    expect((await store.run('confirm', 'r1', 'pay', 'refuse'))[0]).toMatch(/^confirmed\t/)
    expect(await store.counts('cup')).toBe('8 1 1')
  })

  test('a late payment still takes its units again', async () => {
    expect((await store.run('confirm', 'late', 'pay', 'reacquire'))[0]).toMatch(/^confirmed\t/)
  })

  test('release still gives units back', async () => {
    expect((await store.run('release', 'r1'))[0]).toMatch(/^released\t/)
    expect(await store.counts('cup')).toBe('9 1 0')
  })

  test('extend still moves a deadline', async () => {
    expect((await store.run('extend', 86_400_000, 'r1', 3600))[0]).toMatch(/^extended\t/)
  })

  test('expire still gives units back', async () => {
    expect((await store.run('expire', 10, 0))[0]).toBe('1')
  })

  test('set and adjust still correct the counts', async () => {
    expect(await store.run('set', 'cup', 20)).toEqual(['counted\t18\t2\t0'])
    expect(await store.adjust('cup', -1, { key: 'k' })).toEqual(['adjusted\t17\t2\t0'])
  })

  test('forget still frees memory', async () => {
    expect(await store.run('forget', 0, 1, 99, 10, 0)).toEqual(['1', '0', ''])
  })

  test('verify still lifts the fence', async () => {
    expect(await store.verify(1, 0, 0, 'open')).toEqual(['verified'])
  })
})
