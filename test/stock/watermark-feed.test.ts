import type { Redis } from 'ioredis'
import { describe, expect, inject } from 'vitest'
import type { Position } from '../../src/domain/position.js'
import { connectSubscriber } from '../../src/stock/connection.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import { WatermarkFeed } from '../../src/stock/watermark-feed.js'
import { scriptTest } from '../support/script-store.js'
import { eventually } from '../support/test-store.js'

const test = scriptTest.extend<{
  subscriber: Redis
  feed: WatermarkFeed
  publish: (watermark: Position) => Promise<void>
}>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures wanted from this pattern.
  subscriber: async ({}, use) => {
    const subscriber = await connectSubscriber(inject('redisUrl'), {
      connectTimeoutMs: 5000,
      commandTimeoutMs: 5000,
    })
    await use(subscriber)
    subscriber.disconnect()
  },
  feed: async ({ store, subscriber }, use) => {
    await use(await WatermarkFeed.open(store.redis, subscriber, store.name))
  },
  /** As the ledger writer does. */
  publish: async ({ store }, use) => {
    const listening = store.redis.duplicate()
    const stream = await LedgerStream.open(store.redis, store.redis, listening, store.name)
    await use((watermark) => stream.publishWatermark(store.server, watermark))
    listening.disconnect()
  },
})

const at = (sequence: number, epoch = 1) => ({ epoch, sequence })

describe('the watermark feed', () => {
  test('begins where the ledger writer is', async ({ store, subscriber }) => {
    await store.redis.set(store.keys.watermark, `${store.server} 1-41`)
    const feed = await WatermarkFeed.open(store.redis, subscriber, store.name)
    expect(feed.current).toEqual(at(41))
    expect(await feed.holds(store.server, at(41))).toBe(true)
    expect(await feed.holds(store.server, at(42))).toBe(false)
  })

  test('begins at the origin when there is none yet', async ({ feed }) => {
    expect(feed.current).toEqual({ epoch: 0, sequence: 0 })
  })

  test('ends a wait when the watermark reaches the position', async ({ feed, store, publish }) => {
    const waits = [
      feed.waitFor(store.server, at(5), 60_000),
      feed.waitFor(store.server, at(6), 60_000),
      feed.waitFor(store.server, at(1, 2), 60_000),
    ]
    await publish(at(6))
    expect(await waits[0]).toBe(true)
    expect(await waits[1]).toBe(true)
    expect(await feed.holds(store.server, at(1, 2))).toBe(false)
    await publish(at(1, 2))
    expect(await waits[2]).toBe(true)
  })

  test('asks MySQL for an entry of before a restore, which may have dropped it', async ({
    store,
    subscriber,
  }) => {
    await store.redis.set(store.keys.watermark, `${store.server} 2-6`)
    let isAway = false
    const hasEntry = async ({ epoch, sequence }: Position) => {
      if (isAway) throw new Error('MySQL is away')
      return epoch === 1 && sequence === 5
    }
    const ledger = { hasEntry, isQuarantined: async () => false }
    const feed = await WatermarkFeed.open(store.redis, subscriber, store.name, ledger)
    expect(await feed.holds(store.server, at(6, 2))).toBe(true)
    expect(await feed.holds(store.server, at(5))).toBe(true)
    expect(await feed.holds(store.server, at(6))).toBe(false)
    expect(await feed.waitFor(store.server, at(6), 60_000)).toBe(false)
    isAway = true
    expect(await feed.holds(store.server, at(5))).toBe(false)
  })

  test('asks a MySQL that was set back for what it may lack, until it has got as far again', async ({
    store,
    subscriber,
  }) => {
    await store.redis.set(store.keys.watermark, `${store.server} 1-6`)
    const hasEntry = async ({ sequence }: Position) => sequence <= 3
    const ledger = { hasEntry, isQuarantined: async () => false }
    const feed = await WatermarkFeed.open(store.redis, subscriber, store.name, ledger)
    const held = () => Promise.all([2, 3, 6].map((sequence) => feed.holds(store.server, at(sequence))))
    expect(await held()).toEqual([true, true, true])
    feed.compare(feed.current, at(2))
    expect(await held()).toEqual([true, true, false])
    expect(await feed.waitFor(store.server, at(6), 60_000)).toBe(false)
    expect(feed.settled).toEqual(at(2))
    feed.compare(feed.current, at(6))
    expect(await held()).toEqual([true, true, true])
    expect(feed.settled).toEqual(at(6))
    // A claim of a newer epoch brings back nothing.
    feed.compare(feed.current, { epoch: 2, sequence: 2 })
    expect(await held()).toEqual([true, true, false])
  })

  test('tells the ledger writer that somebody waits, once until it has moved', async ({
    feed,
    store,
    publish,
  }) => {
    const writer = store.redis.duplicate()
    let asked = 0
    writer.on('message', () => asked++)
    await writer.subscribe(store.keys.wanted)
    const waits = [feed.waitFor(store.server, at(1), 60_000), feed.waitFor(store.server, at(2), 60_000)]
    await eventually(() => asked === 1, 'the writer was asked')
    await publish(at(1))
    await eventually(() => asked === 2, 'the writer was asked again for what is left')
    await publish(at(2))
    expect(await Promise.all(waits)).toEqual([true, true])
    expect(asked).toBe(2)
    writer.disconnect()
  })

  test('never takes the word of the server that replaced the one of an entry', async ({
    feed,
    store,
    publish,
  }) => {
    const wait = feed.waitFor('replaced', at(5), 60_000)
    await publish(at(6))
    expect(await wait).toBe(false)
    expect(await feed.holds('replaced', at(5))).toBe(false)
    expect(await feed.holds(store.server, at(5))).toBe(true)
    expect(await feed.waitFor('replaced', at(5), 10)).toBe(false)
  })

  test('gives up a wait after the time it was given', async ({ feed, store, publish }) => {
    await publish(at(5))
    await eventually(() => feed.holds(store.server, at(5)), 'the message has arrived')
    expect(await feed.waitFor(store.server, at(6), 10)).toBe(false)
    expect(await feed.waitFor(store.server, at(6), 0)).toBe(false)
  })

  test('looks once more before it gives up, in case the message was lost', async ({ feed, store }) => {
    const wait = feed.waitFor(store.server, at(6), 100)
    await store.redis.set(store.keys.watermark, `${store.server} 1-6`)
    expect(await wait).toBe(true)
  })

  test('catches up after its connection was lost', async ({ feed, store, subscriber }) => {
    const clientId = Number(
      /id=(\d+) [^\n]*sub=1/.exec(
        ((await store.redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) as string)
          .split('\n')
          .filter((line) => line.includes(`addr=127.0.0.1:${subscriber.stream.localPort} `))
          .join('\n'),
      )?.[1],
    )
    const wait = feed.waitFor(store.server, at(6), 60_000)
    const reconnecting = new Promise((resolve) => subscriber.once('reconnecting', resolve))
    await store.redis.call('CLIENT', 'KILL', 'ID', String(clientId))
    await reconnecting
    // Said while nobody listens.
    await store.redis.set(store.keys.watermark, `${store.server} 1-6`)
    await store.redis.publish(store.keys.watermark, `${store.server} 1-6`)
    expect(await wait).toBe(true)
  })

  test('never goes back, and ignores what is not a position of its own server', async ({
    feed,
    store,
    publish,
  }) => {
    await publish(at(5))
    await eventually(() => feed.holds(store.server, at(5)), 'the message has arrived')
    for (const text of ['1-4', '0-9', 'nan', '', '1-1e9', '-1-7']) {
      await store.redis.publish(store.keys.watermark, `${store.server} ${text}`)
    }
    for (const text of ['', ' ', '1-9', ' 1-9', 'another-server 1-9', `${store.server}1-9`]) {
      await store.redis.publish(store.keys.watermark, text)
    }
    await publish(at(6))
    await eventually(() => feed.holds(store.server, at(6)), 'the last message has arrived')
    expect(feed.current).toEqual(at(6))
  })

  test('hears its own store only', async ({ feed, store, publish }) => {
    await store.redis.publish(`${store.keys.watermark}2`, `${store.server} 9-9`)
    await publish(at(1))
    await eventually(() => feed.holds(store.server, at(1)), 'the message has arrived')
    expect(feed.current).toEqual(at(1))
  })
})
