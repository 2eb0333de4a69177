import { describe, expect } from 'vitest'
import { scriptTest } from '../../support/script-store.js'

const dayMs = 86_400_000

describe('extend', () => {
  scriptTest('gives a new deadline, counted from now, and moves no units', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3', { ttlSeconds: 10 })
    const before = await store.nowMs()
    const [reply = ''] = await store.run('extend', dayMs, 'r1', 60)
    const record = await store.record('r1')
    expect(reply.split('\t')).toEqual(['extended', ...record])
    const deadlineMs = Number(record[3])
    expect(deadlineMs).toBeGreaterThanOrEqual(before + 60_000)
    expect(deadlineMs).toBeLessThanOrEqual((await store.nowMs()) + 60_000)
    expect(await store.redis.zscore(store.keys.deadlines, 'r1')).toBe(record[3])
    expect(await store.counts('cup')).toBe('7 3 0')
    expect((await store.ledger()).at(-1)).toBe('extend r1 cup:3:7:3:0')
  })

  scriptTest('never moves a deadline earlier', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const record = await store.hold('r1', 'cup:3', { ttlSeconds: 900 })
    const before = await store.dump()
    expect(await store.run('extend', dayMs, 'r1', 10)).toEqual([`extended\t${record}`])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('refuses a deadline past the longest hold, and tells the latest one', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const createdAtMs = Number((await store.hold('r1', 'cup:3', { ttlSeconds: 10 })).split('\t')[2])
    const before = await store.dump()
    expect(await store.run('extend', 60_000, 'r1', 61)).toEqual([`extension-limit\t${createdAtMs + 60_000}`])
    expect(await store.dump()).toEqual(before)
    expect((await store.run('extend', 60_000, 'r1', 30))[0]).toMatch(/^extended\t/)
  })

  scriptTest('serves the neighbours of every kind of refusal in a batch', async ({ store }) => {
    await store.setStock({ cup: 10 })
    for (const id of ['paid', 'given-back', 'late', 'gone', 'good']) await store.hold(id, 'cup:1')
    await store.run('confirm', 'paid', 'a', 'refuse')
    await store.run('release', 'given-back')
    await store.makeOverdue('gone')
    await store.run('expire', 10, 0)
    await store.makeOverdue('late')
    const calls = ['nobody', 'paid', 'given-back', 'late', 'gone', 'good'].flatMap((id) => [id, 1000])
    const replies = await store.run('extend', dayMs, ...calls, 'good', 'nan')
    expect(replies.map((reply) => reply.split('\t')[0])).toEqual([
      'unknown-reservation',
      'reservation-confirmed',
      'reservation-released',
      'reservation-expired',
      'reservation-expired',
      'extended',
      'malformed',
    ])
  })

  scriptTest('keeps the last of two deadlines that one batch gives', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1', { ttlSeconds: 10 })
    const [first = '', second = ''] = await store.run('extend', dayMs, 'r1', 100, 'r1', 200)
    const record = (await store.record('r1')).join('\t')
    expect(second).toBe(`extended\t${record}`)
    expect(Number(record.split('\t')[3]) - Number(first.split('\t')[4])).toBe(100_000)
  })
})
