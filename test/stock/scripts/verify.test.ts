import { describe, expect } from 'vitest'
import { request, scriptTest } from '../../support/script-store.js'

describe('verify', () => {
  scriptTest('opens the ledger of a new store with epoch 1', async ({ store }) => {
    expect(await store.redis.hgetall(store.keys.position)).toEqual({
      epoch: '1',
      sequence: '0',
      generation: '0',
      verified: store.server,
      history: expect.stringMatching(new RegExp(`^${store.server} [0-9a-f]{40}$`)),
    })
  })

  scriptTest('leaves an empty Redis fenced when MySQL holds a ledger', async ({ store }) => {
    await store.remove()
    expect(await store.verify(1, 0, 0, 'open')).toEqual(['empty'])
    expect(await store.dump()).toEqual({})
  })

  scriptTest('leaves a Redis fenced that has dropped entries which MySQL lacks', async ({ store }) => {
    await store.setStock({ cup: 5, hat: 5, bag: 5 })
    await store.redis.hdel(store.keys.position, 'verified')
    await store.redis.xtrim(store.keys.ledger, 'MINID', '1-3')
    expect(await store.verify(1, 1, 0, 'open')).toEqual(['ahead\t1-3'])
    await store.redis.xtrim(store.keys.ledger, 'MINID', '1-4')
    expect(await store.verify(1, 2, 0, 'open')).toEqual(['ahead\t1-3'])
    expect(await store.verify(1, 3, 0, 'open')).toEqual(['verified'])
  })

  scriptTest('takes a record that cannot be read for whatever may be in it', async ({ store }) => {
    await store.redis.xadd(store.keys.ledger, '1-3', 'time', 'x')
    await store.redis.hset(store.keys.position, 'sequence', 3)
    expect(await store.verify(1, 0, 0, 'look')).toEqual(['verified'])
  })

  scriptTest('fences an open Redis that is behind MySQL', async ({ store }) => {
    expect(await store.verify(1, 9, 0, 'look')).toEqual(['behind\t1-0'])
    expect(await store.run('reserve', 'r1', '', request('cup:1'))).toEqual(['store-fenced'])
  })

  scriptTest('fences an open Redis that lost its position', async ({ store }) => {
    for (const field of ['sequence', 'epoch']) {
      await store.redis.hdel(store.keys.position, field)
      expect(await store.verify(1, 0, 0, 'look')).toEqual(['empty'])
      expect(await store.run('reserve', 'r1', '', request('cup:1'))).toEqual(['store-fenced'])
      await store.redis.hset(store.keys.position, 'verified', store.server, 'epoch', 1, 'sequence', 0)
    }
  })

  // The store's data is at 1-2 and knows of three takeovers.
  scriptTest.for([
    ['behind by an entry', 1, 3, 3, 'behind\t1-2'],
    ['behind by an epoch', 2, 0, 3, 'behind\t1-2'],
    ['where MySQL is', 1, 2, 3, 'verified'],
    ['where MySQL is, and being taken over', 1, 2, 4, 'verified'],
    ['ahead by an entry', 1, 1, 3, 'verified'],
    ['ahead by an epoch', 0, 9, 3, 'verified'],
    ['ahead by an entry and missed a takeover', 1, 1, 5, 'behind\t1-2'],
    ['ahead of a MySQL that was set back', 1, 1, 2, 'ahead\t1-2'],
  ] as const)(
    'decides for a ledger that is %s',
    async ([, epoch, sequence, generation, outcome], { store }) => {
      await store.setStock({ cup: 5, hat: 5 })
      await store.redis.hset(store.keys.position, 'verified', 'another-server', 'generation', 3)
      const before = await store.dump()
      expect(await store.verify(epoch, sequence, generation, 'look')).toEqual([outcome])
      expect(await store.dump()).toEqual(before)
      expect(await store.verify(epoch, sequence, generation, 'open')).toEqual([outcome])
      if (outcome !== 'verified') expect(await store.dump()).toEqual(before)
      const replies = await store.run('reserve', 'r1', '', request('cup:1'))
      expect(replies.at(-1)).toBe(outcome === 'verified' ? 'reserved' : 'store-fenced')
    },
  )
})
