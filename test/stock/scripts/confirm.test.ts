import { describe, expect } from 'vitest'
import { scriptTest } from '../../support/script-store.js'

describe('confirm', () => {
  scriptTest('moves units from held to sold and ends the reservation', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const [reply = ''] = await store.run('confirm', 'r1', 'pay-1', 'refuse')
    expect(reply.split('\t')[0]).toBe('confirmed')
    const record = await store.record('r1')
    expect(reply.split('\t').slice(1)).toEqual(record)
    expect(record[0]).toBe('confirmed')
    expect(record[6]).toBe('pay-1')
    expect(await store.counts('cup')).toBe('7 0 3')
    expect(await store.redis.zcard(store.keys.deadlines)).toBe(0)
    expect(await store.redis.zscore(store.keys.finished, 'r1')).toBe(record[4])
    expect((await store.ledger()).at(-1)).toBe('confirm r1 cup:3:7:0:3')
  })

  scriptTest('answers a repeat as before and changes nothing', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const first = await store.run('confirm', 'r1', 'pay-1', 'refuse')
    const before = await store.dump()
    expect(await store.run('confirm', 'r1', 'pay-1', 'refuse')).toEqual(first)
    expect(await store.run('confirm', 'r1', '', 'reacquire')).toEqual(first)
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('is one effect when a batch names a reservation twice', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const replies = await store.run('confirm', 'r1', 'a', 'refuse', 'r1', 'a', 'refuse', 'r1', 'b', 'refuse')
    expect(replies[0]).toMatch(/^confirmed\t/)
    expect(replies[1]).toBe(replies[0])
    expect(replies[2]).toBe('payment-mismatch')
    expect(await store.counts('cup')).toBe('7 0 3')
    expect(await store.ledger()).toHaveLength(3)
  })

  scriptTest('serves the neighbours of every kind of refusal in a batch', async ({ store }) => {
    await store.setStock({ cup: 10 })
    for (const id of ['paid', 'given-back', 'late', 'gone', 'good']) await store.hold(id, 'cup:1')
    await store.run('confirm', 'paid', 'a', 'refuse')
    await store.run('release', 'given-back')
    await store.makeOverdue('gone')
    await store.run('expire', 10, 0)
    await store.makeOverdue('late')
    const replies = await store.run(
      ...(['confirm', 'nobody', '', 'refuse', 'paid', 'b', 'refuse', 'given-back', '', 'refuse'] as const),
      ...['late', '', 'refuse', 'gone', '', 'refuse', 'good', '', 'perhaps', 'good', 'a', 'refuse'],
    )
    expect(replies.map((reply) => reply.split('\t')[0])).toEqual([
      'unknown-reservation',
      'payment-mismatch',
      'reservation-released',
      'reservation-expired',
      'reservation-expired',
      'malformed',
      'confirmed',
    ])
    expect(await store.counts('cup')).toBe('7 1 2')
  })

  scriptTest('refuses at the deadline itself, and changes nothing', async ({ store }) => {
    await store.setStock({ cup: 1 })
    await store.hold('r1', 'cup:1')
    await store.makeOverdue('r1')
    const before = await store.dump()
    expect(await store.run('confirm', 'r1', 'pay', 'refuse')).toEqual(['reservation-expired'])
    expect(await store.dump()).toEqual(before)
  })
})

describe('confirm with reacquire', () => {
  scriptTest('takes the units of an expired reservation again', async ({ store }) => {
    await store.setStock({ cup: 5, hat: 5 })
    await store.hold('r1', 'cup:2,hat:1')
    await store.makeOverdue('r1')
    await store.run('expire', 10, 0)
    expect(await store.counts('cup')).toBe('5 0 0')
    expect((await store.run('confirm', 'r1', 'pay', 'reacquire'))[0]).toMatch(/^confirmed\t/)
    const record = await store.record('r1')
    expect([record[0], record[5], record[6]]).toEqual(['confirmed', '1', 'pay'])
    expect(await store.counts('cup')).toBe('3 0 2')
    expect(await store.counts('hat')).toBe('4 0 1')
    expect((await store.ledger()).at(-1)).toBe('reacquire r1 cup:2:3:0:2,hat:1:4:0:1')
  })

  scriptTest('expires an overdue reservation in the same step', async ({ store }) => {
    await store.setStock({ cup: 2 })
    await store.hold('r1', 'cup:2')
    await store.makeOverdue('r1')
    expect((await store.run('confirm', 'r1', 'pay', 'reacquire'))[0]).toMatch(/^confirmed\t/)
    expect((await store.ledger()).slice(-2)).toEqual(['expire r1 cup:2:2:0:0', 'reacquire r1 cup:2:0:0:2'])
    expect(await store.redis.zcard(store.keys.deadlines)).toBe(0)
    expect(await store.redis.zcard(store.keys.finished)).toBe(1)
  })

  scriptTest('sells none when one line is short, and the reservation stays expired', async ({ store }) => {
    await store.setStock({ cup: 2, hat: 1 })
    await store.hold('r1', 'cup:2,hat:1')
    await store.makeOverdue('r1')
    await store.run('expire', 10, 0)
    await store.hold('r2', 'hat:1')
    const before = await store.dump()
    const refused = ['insufficient-stock\that:1:0']
    expect(await store.run('confirm', 'r1', 'pay', 'reacquire')).toEqual(refused)
    expect(await store.dump()).toEqual(before)
    await store.run('release', 'r2')
    expect((await store.run('confirm', 'r1', 'pay', 'reacquire'))[0]).toMatch(/^confirmed\t/)
  })

  scriptTest('gives the last units to the first of two late payments of a batch', async ({ store }) => {
    await store.setStock({ cup: 4 })
    await store.hold('r1', 'cup:2')
    await store.hold('r2', 'cup:2')
    await store.makeOverdue('r1')
    await store.makeOverdue('r2')
    await store.run('expire', 10, 0)
    await store.setStock({ cup: 3 })
    const replies = await store.run('confirm', 'r2', 'b', 'reacquire', 'r1', 'a', 'reacquire')
    expect(replies[0]).toMatch(/^confirmed\t/)
    expect(replies[1]).toBe('insufficient-stock\tcup:2:1')
    expect(await store.counts('cup')).toBe('1 0 2')
  })

  scriptTest('does not take back what the storefront released', async ({ store }) => {
    await store.setStock({ cup: 4 })
    await store.hold('r1', 'cup:2')
    await store.run('release', 'r1')
    const before = await store.dump()
    expect(await store.run('confirm', 'r1', 'pay', 'reacquire')).toEqual(['reservation-released'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('is a plain confirm before the deadline', async ({ store }) => {
    await store.setStock({ cup: 4 })
    await store.hold('r1', 'cup:2')
    await store.run('confirm', 'r1', 'pay', 'reacquire')
    expect((await store.record('r1'))[5]).toBe('')
    expect((await store.ledger()).at(-1)).toBe('confirm r1 cup:2:2:0:2')
  })
})
