import { expect, inject, test } from 'vitest'
import { openBriefStore } from './support/brief-store.js'
import { TcpProxy } from './support/tcp-proxy.js'
import { eventually } from './support/test-store.js'

/** More than a start sends before it is served. */
const chunks = 24

test.each(['api', 'worker'] as const)(
  'one starts: %s, whichever of its connections to Redis is lost meanwhile, and whenever',
  async (part) => {
    const store = await openBriefStore()
    const first = await store.api()
    await eventually(() => first.stores.get(store.name)?.fence.reason === undefined, 'the store is open')
    let lost = 0
    for (let at = 1; at <= chunks; at++) {
      const redis = await TcpProxy.open(inject('redisUrl'))
      let sent = 0
      redis.tap = (_bytes, from) => (from === 'client' && ++sent === at ? 'lose' : 'pass')
      const started = await store[part]({ redisUrl: redis.url })
      if (sent >= at) lost++
      if ('stores' in started) {
        const { fence } = started.stores.get(store.name) ?? {}
        await eventually(() => fence?.reason === undefined, 'it serves')
      }
      await started.stop()
      await redis.unplug()
    }
    expect(lost).toBeGreaterThan(10)
  },
  120_000,
)
