import { describe, expect } from 'vitest'
import { scriptTest } from '../../support/script-store.js'

describe('set', () => {
  scriptTest('creates a SKU, also with nothing on hand', async ({ store }) => {
    expect(await store.run('set', 'cup', 7)).toEqual(['created\t7\t0\t0'])
    expect(await store.run('set', 'hat', 0)).toEqual(['created\t0\t0\t0'])
    expect(await store.redis.zrange(store.keys.skus, 0, '-1')).toEqual(['cup', 'hat'])
    expect(await store.ledger()).toEqual(['set cup:7:7:0:0', 'set hat:0:0:0:0'])
  })

  scriptTest('leaves what is held and sold, and makes the rest available', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    await store.hold('r2', 'cup:2')
    await store.run('confirm', 'r2', '', 'refuse')
    expect(await store.run('set', 'cup', 4)).toEqual(['counted\t1\t3\t2'])
    expect(await store.run('set', 'cup', 3)).toEqual(['counted\t0\t3\t2'])
    expect((await store.ledger()).slice(-2)).toEqual(['set cup:-4:1:3:2', 'set cup:-1:0:3:2'])
  })

  scriptTest('refuses less than is held, and says how much that is', async ({ store }) => {
    await store.setStock({ cup: 10 })
    await store.hold('r1', 'cup:3')
    const before = await store.dump()
    expect(await store.run('set', 'cup', 2)).toEqual(['below-held\t3'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('writes nothing when it is already so', async ({ store }) => {
    await store.setStock({ cup: 10 })
    const before = await store.dump()
    expect(await store.run('set', 'cup', 10)).toEqual(['counted\t10\t0\t0'])
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('says last in the ledger who did it, where somebody is named', async ({ store }) => {
    await store.run('set', 'cup', 7, 'back-office')
    await store.run('set', 'cup', 8, '')
    await store.run('set', 'cup', 9)
    expect(await store.texts()).toEqual([
      'set\t\tcup:7:7:0:0\t\t\tback-office',
      'set\t\tcup:1:8:0:0\t\t',
      'set\t\tcup:1:9:0:0\t\t',
    ])
  })

  scriptTest('takes the largest count and the longest SKU unchanged', async ({ store }) => {
    const sku = 'Aa0._-'.padEnd(64, 'z')
    expect(await store.run('set', sku, 1e12)).toEqual(['created\t1000000000000\t0\t0'])
    expect(await store.counts(sku)).toBe('1000000000000 0 0')
  })
})
