import { describe, expect } from 'vitest'
import { request, scriptTest } from '../../support/script-store.js'

describe('the note that a server is about to be opened', () => {
  scriptTest('is what its data knows of its takeover by, and of no other', async ({ store }) => {
    await store.setStock({ cup: 5 })
    await store.redis.hset(store.keys.position, 'generation', 3)
    expect(await store.verify(1, 0, 4, 'prepare')).toEqual(['verified'])
    const noted = await store.dump()
    for (const [generation, server] of [
      [4, 'another'],
      [4, ''],
      [4, store.server.slice(1)],
      [4, `${store.server} `],
      [5, store.server],
    ] as const) {
      expect(await store.verify(1, 0, 5, 'look', { generation, server })).toEqual(['behind\t1-1'])
      await store.redis.hset(store.keys.position, 'verified', store.server)
      expect(await store.dump()).toEqual(noted)
    }
    const last = { generation: 4, server: store.server }
    for (const generation of [5, 6]) {
      expect(await store.verify(1, 0, generation, 'look', last)).toEqual(['verified'])
    }
    expect(await store.verify(1, 2, 5, 'look', last)).toEqual(['behind\t1-1'])
  })

  scriptTest('is known for good once the next one is made', async ({ store }) => {
    await store.verify(1, 0, 1, 'prepare')
    const last = { generation: 1, server: store.server }
    expect(await store.verify(1, 0, 2, 'prepare', last)).toEqual(['verified'])
    expect(await store.verify(1, 0, 2, 'look', { generation: 1, server: 'another' })).toEqual(['verified'])
    expect(await store.redis.hmget(store.keys.position, 'opening', 'generation')).toEqual([
      `2 ${store.server}`,
      '1',
    ])
  })

  scriptTest('never takes back what the data knows', async ({ store }) => {
    await store.redis.hset(store.keys.position, 'opening', '2 another', 'generation', 3)
    const last = { generation: 2, server: 'another' }
    expect(await store.verify(1, 0, 4, 'prepare', last)).toEqual(['verified'])
    expect(await store.redis.hget(store.keys.position, 'generation')).toBe('3')
  })

  scriptTest('stands, whatever a process that was held up does for an older takeover', async ({ store }) => {
    const last = { generation: 0, server: '' }
    await store.verify(1, 0, 2, 'prepare', last)
    await store.redis.hset(store.keys.position, 'verified', 'another')
    const noted = await store.dump()
    for (const then of ['look', 'prepare', 'open'] as const) {
      expect(await store.verify(1, 0, 1, then, last)).toEqual(['ahead\t1-0'])
    }
    expect(await store.dump()).toEqual(noted)
    expect(await store.verify(1, 0, 2, 'open', last)).toEqual(['verified'])
  })

  scriptTest('is gone once the server was opened', async ({ store }) => {
    await store.verify(1, 0, 1, 'prepare')
    await store.verify(1, 0, 1, 'open')
    expect(await store.redis.hmget(store.keys.position, 'opening', 'generation')).toEqual([null, '1'])
  })

  scriptTest('is in data with which the server before it cannot sell any more', async ({ store }) => {
    const before = 'f'.repeat(40)
    await store.setStock({ cup: 5 })
    await store.redis.hset(store.keys.position, 'verified', before, 'history', `${before} ${before}`)
    await store.verify(1, 0, 1, 'look')
    expect(await store.redis.hget(store.keys.position, 'verified')).toBe(before)
    await store.verify(1, 0, 1, 'prepare')
    expect(await store.redis.hget(store.keys.position, 'verified')).toBeNull()
    expect(await store.redis.hget(store.keys.position, 'history')).toMatch(new RegExp(`^${store.server} `))
    expect(await store.runAs(before, 'reserve', 'r1', '', request('cup:1'))).toEqual(['store-fenced'])
  })

  scriptTest('is made in no data that is not sound', async ({ store }) => {
    const before = await store.dump()
    expect(await store.verify(1, 0, 2, 'prepare')).toEqual(['behind\t1-0'])
    await store.redis.hset(store.keys.position, 'verified', store.server)
    expect(await store.dump()).toEqual(before)
    await store.remove()
    expect(await store.verify(0, 0, 0, 'prepare')).toEqual(['verified'])
    expect(await store.dump()).toEqual({})
  })
})
