import { describe, expect } from 'vitest'
import { scriptTest } from '../../support/script-store.js'

describe('adjust', () => {
  scriptTest('adds to and takes from what is available, with its reason in the ledger', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    expect(await store.adjust('cup', 5, { reason: 'found behind the shelf' })).toEqual(['adjusted\t12\t3\t0'])
    expect(await store.adjust('cup', -12)).toEqual(['adjusted\t0\t3\t0'])
    expect((await store.ledger()).slice(-2)).toEqual(['adjust cup:5:12:3:0', 'adjust cup:-12:0:3:0'])
    const [[, fields] = ['', []]] = await store.redis.xrange(store.keys.ledger, '1-3', '1-3')
    expect(fields[3]).toBe('adjust\t\tcup:5:12:3:0\tfound behind the shelf\t')
  })

  scriptTest(
    'says last in the ledger who did it, and a key replays whoever repeats it',
    async ({ store }) => {
      await store.setStock({ cup: 10 })
      await store.run('adjust', 'cup', 5, 'return', 'k', 60, 1e12, 'shop')
      expect((await store.texts()).at(-1)).toBe('adjust\t\tcup:5:15:0:0\treturn\tk\tshop')
      const before = await store.dump()
      expect(await store.run('adjust', 'cup', 5, 'return', 'k', 60, 1e12, 'other')).toEqual([
        'replayed\t15\t0\t0',
      ])
      expect(await store.dump()).toEqual(before)
    },
  )

  scriptTest('refuses to take what is not available', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const before = await store.dump()
    expect(await store.adjust('cup', -8, { key: 'k' })).toEqual(['insufficient-stock\tcup:8:7'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('refuses a SKU that does not exist', async ({ store }) => {
    const before = await store.dump()
    expect(await store.adjust('cup', 1, { key: 'k' })).toEqual(['unknown-sku\tcup'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('refuses a count above the largest', async ({ store }) => {
    await store.setStock({ cup: 1e12 })
    const before = await store.dump()
    expect(await store.adjust('cup', 1, { key: 'k' })).toEqual(['count-limit'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('replays a key with the counts as of now, and no second effect', async ({ store }) => {
    await store.setStock({ cup: 10 })
    expect(await store.adjust('cup', 5, { key: 'k' })).toEqual(['adjusted\t15\t0\t0'])
    await store.hold('r1', 'cup:3')
    const before = await store.dump()
    expect(await store.adjust('cup', 5, { key: 'k' })).toEqual(['replayed\t12\t3\t0'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('refuses a key that comes with another adjustment', async ({ store }) => {
    await store.setStock({ cup: 10, hat: 10 })
    await store.adjust('cup', 5, { key: 'k', reason: 'return' })
    const before = await store.dump()
    const reused = ['idempotency-key-reused']
    expect(await store.adjust('cup', 6, { key: 'k', reason: 'return' })).toEqual(reused)
    expect(await store.adjust('hat', 5, { key: 'k', reason: 'return' })).toEqual(reused)
    expect(await store.adjust('cup', 5, { key: 'k' })).toEqual(reused)
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('remembers a key for the retention', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.adjust('cup', 5, { key: 'k' })
    const seconds = await store.redis.ttl(store.keys.adjustment('k'))
    expect(seconds).toBeGreaterThan(50)
    expect(seconds).toBeLessThanOrEqual(60)
  })
})
