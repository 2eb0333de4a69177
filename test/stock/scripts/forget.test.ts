import { describe, expect } from 'vitest'
import { request, scriptTest } from '../../support/script-store.js'

describe('forget', () => {
  scriptTest('drops ended reservations and their keys, and leaves the counts', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1', { key: 'k1' })
    await store.hold('r2', 'cup:1', { key: 'k2' })
    await store.hold('open', 'cup:1', { key: 'k3' })
    await store.run('confirm', 'r1', '', 'refuse')
    await store.run('release', 'r2')
    expect(await store.run('forget', 0, 1, 6, 10, 0)).toEqual(['2', '0', ''])
    expect(await store.redis.hkeys(store.keys.reservations)).toEqual(['open'])
    expect(await store.redis.hgetall(store.keys.keys)).toEqual({ k3: 'open' })
    expect(await store.redis.zcard(store.keys.finished)).toBe(0)
    expect(await store.counts('cup')).toBe('8 1 1')
    expect(await store.ledger()).toHaveLength(6)
  })

  scriptTest('keeps what ended within the retention', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1')
    await store.run('release', 'r1')
    const before = await store.dump()
    expect(await store.run('forget', 60_000, 1, 3, 10, 0)).toEqual(['0', '0', ''])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('keeps what MySQL does not hold: its newest entry is after the watermark', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1')
    await store.run('release', 'r1')
    const before = await store.dump()
    expect(await store.run('forget', 0, 1, 2, 10, 0)).toEqual(['0', '0', ''])
    expect(await store.run('forget', 0, 0, 99, 10, 0)).toEqual(['0', '0', ''])
    expect(await store.dump()).toEqual(before)
    expect(await store.run('forget', 0, 1, 3, 10, 0)).toEqual(['1', '0', ''])
  })

  scriptTest('compares epochs before sequences', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1')
    await store.run('release', 'r1')
    expect(await store.run('forget', 0, 2, 0, 10, 0)).toEqual(['1', '0', ''])
  })

  scriptTest('drops no more than it was told, the oldest first', async ({ store }) => {
    await store.setStock({ cup: 10 })
    for (const id of ['r1', 'r2', 'r3']) await store.hold(id, 'cup:1')
    await store.run('release', 'r1', 'r2', 'r3')
    for (const [id, endedMs] of [
      ['r3', 1],
      ['r1', 2],
      ['r2', 3],
    ] as const) {
      await store.redis.zadd(store.keys.finished, endedMs, id)
    }
    expect(await store.run('forget', 0, 1, 7, 2, 0)).toEqual(['2', '0', ''])
    expect(await store.redis.hkeys(store.keys.reservations)).toEqual(['r2'])
  })

  scriptTest('drops many in one step', async ({ store }) => {
    await store.setStock({ cup: 3000 })
    const ids = Array.from({ length: 2500 }, (_, i) => `r${i}`)
    for (let i = 0; i < ids.length; i += 500) {
      const calls = ids.slice(i, i + 500).flatMap((id) => [id, `k-${id}`, '900\tcup:1\tcustomer\t'])
      await store.reserve(...calls)
      await store.run('release', ...ids.slice(i, i + 500))
    }
    expect(await store.run('forget', 0, 2, 0, 5000, 0)).toEqual(['2500', '0', ''])
    expect(await store.redis.hlen(store.keys.keys)).toBe(0)
    expect(await store.counts('cup')).toBe('3000 0 0')
  })

  scriptTest('leaves a key to the reservation that it made since', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:1', { key: 'k' })
    await store.run('release', 'r1')
    // As after a restore with a longer retention than the one by which r1 had been forgotten.
    await store.redis.hdel(store.keys.keys, 'k')
    await store.hold('r2', 'cup:1', { key: 'k' })
    expect(await store.run('forget', 0, 1, 4, 10, 0)).toEqual(['1', '0', ''])
    expect(await store.redis.hkeys(store.keys.reservations)).toEqual(['r2'])
    expect((await store.reserve('r3', 'k', request('cup:1')))[0]).toMatch(/^replayed\tr2\t/)
  })
})
