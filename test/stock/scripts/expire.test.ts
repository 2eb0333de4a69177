import { describe, expect } from 'vitest'
import { request, scriptTest } from '../../support/script-store.js'
import { eventually } from '../../support/test-store.js'

describe('expire', () => {
  scriptTest('gives nothing back before the deadline, and tells when that is', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const record = await store.hold('r1', 'cup:3')
    const before = await store.dump()
    expect(await store.run('expire', 10, 0)).toEqual(['0', '0', record.split('\t')[3], '0', ''])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('has no next deadline when nothing is held', async ({ store }) => {
    expect(await store.run('expire', 10, 0)).toEqual(['0', '0', '', '0', ''])
  })

  scriptTest('gives units back once the clock of Redis has passed the deadline', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.reserve('short', '', request('cup:1', 1), 'long', '', request('cup:2', 60))
    const deadlineMs = Number((await store.record('short'))[3])
    expect(await store.run('expire', 10, 0)).toEqual(['0', '0', String(deadlineMs), '0', ''])
    await eventually(
      async () => (await store.nowMs()) >= deadlineMs,
      'the clock of Redis is past the deadline',
    )
    const [expired, overdueMs, next] = await store.run('expire', 10, 0)
    expect([expired, next]).toEqual(['1', (await store.record('long'))[3]])
    expect(Number(overdueMs)).toBeGreaterThanOrEqual(0)
    expect(await store.counts('cup')).toBe('8 2 0')
    expect((await store.record('short'))[0]).toBe('expired')
    expect((await store.record('long'))[0]).toBe('held')
    expect((await store.ledger()).at(-1)).toBe('expire short cup:1:8:2:0')
    expect(await store.redis.zscore(store.keys.finished, 'short')).toBe((await store.record('short'))[4])
  })

  scriptTest('takes the oldest first and no more than it was told', async ({ store }) => {
    await store.setStock({ cup: 10 })
    for (const id of ['r1', 'r2', 'r3', 'r4']) await store.hold(id, 'cup:1')
    await store.makeOverdue('r1', 1000)
    await store.makeOverdue('r2', 3000)
    await store.makeOverdue('r3', 2000)
    const [expired, overdueMs] = await store.run('expire', 2, 0)
    expect(expired).toBe('2')
    expect(Number(overdueMs)).toBeGreaterThanOrEqual(3000)
    expect((await store.redis.zrange(store.keys.finished, 0, '-1')).sort()).toEqual(['r2', 'r3'])
    expect((await store.run('expire', 2, 0))[0]).toBe('1')
    expect((await store.run('expire', 2, 0))[0]).toBe('0')
    expect(await store.counts('cup')).toBe('9 1 0')
  })

  scriptTest('expires a reservation at the very ms of its deadline', async ({ store }) => {
    await store.setStock({ cup: 1 })
    await store.hold('r1', 'cup:1')
    await store.makeOverdue('r1')
    expect((await store.run('expire', 1, 0))[0]).toBe('1')
  })

  scriptTest('passes a deadline without a held reservation, and tells which', async ({ store }) => {
    await store.setStock({ cup: 2 })
    await store.hold('r1', 'cup:1')
    await store.hold('r2', 'cup:1')
    await store.makeOverdue('r2')
    await store.run('release', 'r1')
    await store.redis.zadd(store.keys.deadlines, 1, 'nobody', 2, 'r1')
    expect(await store.run('expire', 10, 0)).toEqual(['1', expect.stringMatching(/^\d+$/), '', '2', 'nobody'])
    expect(await store.counts('cup')).toBe('2 0 0')
    expect((await store.record('r1'))[0]).toBe('released')
    expect(await store.redis.zrange(store.keys.deadlines, 0, '-1')).toEqual(['nobody', 'r1'])
  })
})
