import { describe, expect } from 'vitest'
import type { ScriptName } from '../../../src/stock/scripts.js'
import { request, type ScriptStore, scriptTest } from '../../support/script-store.js'

const calls: readonly [ScriptName, ...(string | number)[]][] = [
  ['reserve', 'r9', 'k9', request('cup:1')],
  ['reserve', 'r8', '', request('cup:1'), 'r9', '', request('cup:1')],
  ['confirm', 'open', 'pay', 'refuse'],
  ['confirm', 'late', 'pay', 'reacquire'],
  ['release', 'open'],
  ['extend', 86_400_000, 'open', 3600],
  ['expire', 10, 0],
  ['set', 'cup', 50],
  ['set', 'fez', 50],
  ['adjust', 'cup', 5, '', 'k', 60, 1e12],
  ['forget', 0, 1, 99, 10, 0],
]

async function prepare(store: ScriptStore): Promise<void> {
  await store.setStock({ cup: 10 })
  for (const id of ['open', 'late', 'ended']) await store.hold(id, 'cup:1')
  await store.run('release', 'ended')
  await store.makeOverdue('late')
}

describe.each(calls)('%s on a fenced server', (script, ...args) => {
  scriptTest('is refused once for the whole batch and changes nothing', async ({ store }) => {
    await prepare(store)
    const before = await store.dump()
    for (const server of ['0'.repeat(40), '', store.server.slice(1), `${store.server}0`]) {
      expect(await store.runAs(server, script, ...args)).toEqual(['store-fenced'])
    }
    expect(await store.dump()).toEqual(before)
  })

  scriptTest('is refused when the store was never verified or Redis is empty', async ({ store }) => {
    await prepare(store)
    await store.redis.hdel(store.keys.position, 'verified')
    const before = await store.dump()
    expect(await store.run(script, ...args)).toEqual(['store-fenced'])
    expect(await store.dump()).toEqual(before)
    await store.remove()
    expect(await store.run(script, ...args)).toEqual(['store-fenced'])
    expect(await store.dump()).toEqual({})
  })

  scriptTest(
    'is served by the verified server, which shows that the call was a good one',
    async ({ store }) => {
      await prepare(store)
      const before = await store.dump()
      expect(await store.run(script, ...args)).not.toEqual(['store-fenced'])
      expect(await store.dump()).not.toEqual(before)
    },
  )
})

const reads: readonly [ScriptName, ...string[]][] = [
  ['count', 'cup'],
  ['list', '-', '+', '9'],
  ['read', 'open'],
]

describe.each(reads)('%s on a fenced server', (script, ...what) => {
  scriptTest('is refused: the server may be behind what somebody was told', async ({ store }) => {
    await prepare(store)
    const [position, told] = await store.run(script, ...what)
    expect(position).toMatch(/^1-\d+$/)
    expect(told).not.toBe('')
    expect(await store.runAs('0'.repeat(40), script, ...what)).toEqual(['store-fenced'])
    await store.redis.hdel(store.keys.position, 'verified')
    expect(await store.run(script, ...what)).toEqual(['store-fenced'])
  })
})
