import { describe, expect } from 'vitest'
import type { ScriptName } from '../../../src/stock/scripts.js'
import { type ScriptStore, scriptTest } from '../../support/script-store.js'

/** Run ids that are not the server's, some of them nearly. */
const others = ({ server }: ScriptStore) => [
  '0'.repeat(40),
  '',
  ' ',
  '.*',
  server.slice(1),
  `${server}0`,
  `${server}\r\n`,
  server.toUpperCase(),
]

async function prepare(store: ScriptStore): Promise<void> {
  await store.setStock({ cup: 10 })
  await store.hold('open', 'cup:1')
}

const readers: readonly [ScriptName, ...(string | number)[]][] = [
  ['survey', 'stock', 'scan', 0, 10],
  ['survey', 'reservations', 'names', 'open'],
  ['survey', 'sizes'],
  ['correct', 'run-1', 1, 2, 'cup', '9 1 0', '10 1 0', 'one was found'],
  ['mend', 'run-1', 1, 2, 'gone', '', '', ''],
]

describe.each(readers)('%s %s on a fenced server', (script, ...args) => {
  scriptTest('is refused and changes nothing', async ({ store }) => {
    await prepare(store)
    const before = await store.dump()
    for (const server of others(store)) {
      expect(await store.runAs(server, script, ...args)).toEqual(['store-fenced'])
    }
    expect(await store.dump()).toEqual(before)
    expect(await store.run(script, ...args)).not.toEqual(['store-fenced'])
  })

  scriptTest('is refused when the store was never verified or Redis is empty', async ({ store }) => {
    await prepare(store)
    await store.redis.hdel(store.keys.position, 'verified')
    expect(await store.run(script, ...args)).toEqual(['store-fenced'])
    await store.remove()
    expect(await store.run(script, ...args)).toEqual(['store-fenced'])
    expect(await store.dump()).toEqual({})
  })
})

type Step = [
  outcome: string,
  arrive: (store: ScriptStore) => Promise<unknown>,
  script: ScriptName,
  ...args: (string | number)[],
]

/** The steps of recovery, each ready to be made; they work where nothing was verified. */
const steps: readonly Step[] = [
  ['verified', (s) => s.redis.hdel(s.keys.position, 'verified'), 'verify', 1, 0, 0, 'open', 0, ''],
  ['verified', (s) => s.remove(), 'verify', 0, 0, 0, 'open', 0, ''],
  ['verified', (s) => s.redis.hdel(s.keys.position, 'verified'), 'verify', 1, 0, 1, 'prepare', 0, ''],
  ['superseded', async () => {}, 'supersede'],
  ['cleared', async () => {}, 'clear', 2],
  ['restored', (s) => s.run('clear', 2), 'restore', 2, 'stock', 'hat', '5 0 0', '', ''],
  ['opened', (s) => s.run('clear', 2).then(() => s.redis.set(s.keys.restorer, 'me')), 'open', 2, 7, 1, 'me'],
]

describe.each(steps)('%s', (outcome, arrive, script, ...args) => {
  scriptTest(`is not what ${script} makes of any server but the one it names`, async ({ store }) => {
    await prepare(store)
    await arrive(store)
    for (const server of others(store)) {
      // A copy of another server's data calls that one verified.
      if (await store.redis.exists(store.keys.position)) {
        await store.redis.hset(store.keys.position, 'verified', server)
      }
      const before = await store.dump()
      expect(await store.runAs(server, script, ...args)).toEqual(['other-server'])
      expect(await store.dump()).toEqual(before)
    }
    expect(await store.run(script, ...args)).toEqual([outcome])
  })
})
