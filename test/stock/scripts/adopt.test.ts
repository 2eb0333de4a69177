import { describe, expect } from 'vitest'
import { request, scriptTest } from '../../support/script-store.js'

describe('adopt', () => {
  scriptTest('knows of the takeover by the server that noted it, and of no other', async ({ store }) => {
    await store.setStock({ cup: 5 })
    expect(await store.run('verify', 1, 0, 4, 'look')).toEqual(['behind\t1-1'])
    await store.redis.hset(store.keys.position, 'generation', 3)
    expect(await store.run('verify', 1, 0, 4, 'prepare')).toEqual(['verified'])
    const noted = await store.dump()
    for (const [generation, owner] of [
      [4, 'another'],
      [5, store.server],
      [3, store.server],
      [4, store.server.slice(1)],
      [4, `${store.server} `],
    ] as const) {
      expect(await store.run('adopt', generation, owner)).toEqual(['unrelated'])
    }
    expect(await store.dump()).toEqual(noted)
    expect(await store.run('verify', 1, 0, 5, 'look')).toEqual(['behind\t1-1'])

    await store.redis.hset(store.keys.position, 'verified', store.server)
    expect(await store.run('adopt', 4, store.server)).toEqual(['adopted'])
    expect(await store.run('adopt', 4, store.server), 'twice').toEqual(['unrelated'])
    expect(await store.run('verify', 1, 0, 5, 'look')).toEqual(['verified'])
  })

  scriptTest('has nothing to know once the server was opened, and never goes back', async ({ store }) => {
    await store.run('verify', 1, 0, 1, 'prepare')
    await store.run('verify', 1, 0, 1, 'open')
    expect(await store.redis.hmget(store.keys.position, 'opening', 'generation')).toEqual([null, '1'])
    await store.redis.hset(store.keys.position, 'opening', '2 another', 'generation', 3)
    expect(await store.run('adopt', 2, 'another')).toEqual(['unrelated'])
    expect(await store.redis.hget(store.keys.position, 'generation')).toBe('3')
  })

  scriptTest('is for data with which the server before it cannot sell any more', async ({ store }) => {
    const before = 'f'.repeat(40)
    await store.setStock({ cup: 5 })
    await store.redis.hset(store.keys.position, 'verified', before, 'history', `${before} ${before}`)
    await store.run('verify', 1, 0, 1, 'look')
    expect(await store.redis.hget(store.keys.position, 'verified')).toBe(before)
    await store.run('verify', 1, 0, 1, 'prepare')
    expect(await store.redis.hget(store.keys.position, 'verified')).toBeNull()
    expect(await store.redis.hget(store.keys.position, 'history')).toMatch(new RegExp(`^${store.server} `))
    expect(await store.runAs(before, 'reserve', 'r1', '', request('cup:1'))).toEqual(['store-fenced'])
  })

  scriptTest('notes nothing in data that is not sound', async ({ store }) => {
    const before = await store.dump()
    expect(await store.run('verify', 1, 0, 2, 'prepare')).toEqual(['behind\t1-0'])
    await store.redis.hset(store.keys.position, 'verified', store.server)
    expect(await store.dump()).toEqual(before)
    await store.remove()
    expect(await store.run('verify', 0, 0, 0, 'prepare')).toEqual(['verified'])
    expect(await store.run('adopt', 0, store.server)).toEqual(['unrelated'])
    expect(await store.dump()).toEqual({})
  })
})
