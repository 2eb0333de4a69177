import { describe, expect } from 'vitest'
import { scriptTest } from '../../support/script-store.js'

describe('release', () => {
  scriptTest('moves units from held to available and ends the reservation', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const [reply = ''] = await store.run('release', 'r1')
    const record = await store.record('r1')
    expect(reply.split('\t')).toEqual(['released', ...record])
    expect(record[0]).toBe('released')
    expect(await store.counts('cup')).toBe('10 0 0')
    expect(await store.redis.zcard(store.keys.deadlines)).toBe(0)
    expect(await store.redis.zscore(store.keys.finished, 'r1')).toBe(record[4])
    expect((await store.ledger()).at(-1)).toBe('release r1 cup:3:10:0:0')
  })

  scriptTest('gives units back once, however often it is asked, also in one batch', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const first = await store.run('release', 'r1', 'r1')
    expect(first[1]).toBe(first[0])
    const before = await store.dump()
    expect(await store.run('release', 'r1')).toEqual([first[0]])
    expect(await store.dump()).toEqual(before)
    expect(await store.counts('cup')).toBe('10 0 0')
  })

  scriptTest('serves the neighbours of every kind of refusal in a batch', async ({ store }) => {
    await store.setStock({ cup: 10 })
    for (const id of ['paid', 'late', 'gone', 'good']) await store.hold(id, 'cup:1')
    await store.run('confirm', 'paid', 'a', 'refuse')
    await store.makeOverdue('gone')
    await store.run('expire', 10, 0)
    await store.makeOverdue('late')
    const replies = await store.run('release', 'nobody', 'paid', 'late', 'gone', '', 'good')
    expect(replies.map((reply) => reply.split('\t')[0])).toEqual([
      'unknown-reservation',
      'reservation-confirmed',
      'reservation-expired',
      'reservation-expired',
      'unknown-reservation',
      'released',
    ])
    expect(await store.counts('cup')).toBe('8 1 1')
  })
})
