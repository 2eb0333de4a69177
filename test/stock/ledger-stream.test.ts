import type { Redis } from 'ioredis'
import { describe, expect } from 'vitest'
import { MalformedEntryError } from '../../src/domain/ledger-entry.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import { request, type ScriptStore, scriptTest } from '../support/script-store.js'

const test = scriptTest.extend<{ stream: LedgerStream }>({
  stream: async ({ store }, use) => {
    const waiting: Redis = store.redis.duplicate()
    const subscriber: Redis = store.redis.duplicate()
    await use(await LedgerStream.open(store.redis, waiting, subscriber, store.name))
    subscriber.disconnect()
    waiting.disconnect()
  },
})

const start = { epoch: 1, sequence: 0 }
const sequences = (entries: { position: { sequence: number } }[]) =>
  entries.map(({ position }) => position.sequence)

function batch(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => [`r${from + i}`, '', request('cup:1')]).flat()
}

async function reserveBatches(store: ScriptStore, sizes: readonly number[]): Promise<void> {
  await store.setStock({ cup: 10_000 })
  let from = 0
  for (const size of sizes) {
    await store.reserve(...batch(from, size))
    from += size
  }
}

describe('reading the ledger', () => {
  test('gives every entry of a record its own position', async ({ store, stream }) => {
    await reserveBatches(store, [3, 2])
    const entries = await stream.read(start, 100)
    expect(sequences(entries)).toEqual([1, 2, 3, 4, 5, 6])
    expect(entries.map(({ kind }) => kind)).toEqual(['set', ...Array(5).fill('reserve')])
    expect(entries.map(({ reservation }) => reservation?.id)).toEqual([
      undefined,
      'r0',
      'r1',
      'r2',
      'r3',
      'r4',
    ])
    for (const { reservation, position } of entries.slice(1)) expect(reservation?.position).toEqual(position)
    expect(entries[4]?.lines).toEqual([{ sku: 'cup', quantity: 1, available: 9996, held: 4, sold: 0 }])
  })

  test('begins after the position and stops at the end of a record', async ({ store, stream }) => {
    await reserveBatches(store, [3, 3, 3])
    expect(sequences(await stream.read({ epoch: 1, sequence: 1 }, 1))).toEqual([2, 3, 4])
    expect(sequences(await stream.read({ epoch: 1, sequence: 1 }, 4))).toEqual([2, 3, 4, 5, 6, 7])
    expect(sequences(await stream.read({ epoch: 1, sequence: 7 }, 100))).toEqual([8, 9, 10])
    expect(await stream.read({ epoch: 1, sequence: 10 }, 100)).toEqual([])
    expect(await stream.read({ epoch: 2, sequence: 0 }, 100)).toEqual([])
  })

  test('reads on beyond one reply of Redis', async ({ store, stream }) => {
    await reserveBatches(store, Array(300).fill(1))
    expect(sequences(await stream.read(start, 1000))).toEqual(Array.from({ length: 301 }, (_, i) => i + 1))
    expect(await stream.read(start, 200)).toHaveLength(200)
  })

  test('reads what the entries carry', async ({ store, stream }) => {
    await store.setStock({ cup: 10 })
    await store.adjust('cup', -1, { reason: 'broken: ün, "q"', key: 'key-1' })
    await store.reserve('r1', 'key-2', request('cup:2', 60, 'Zoë 🎁', 'order-1'))
    const [, adjusted, reserved] = await stream.read(start, 10)
    expect(adjusted).toMatchObject({
      kind: 'adjust',
      reason: 'broken: ün, "q"',
      idempotencyKey: 'key-1',
      reservation: undefined,
      lines: [{ sku: 'cup', quantity: -1, available: 9, held: 0, sold: 0 }],
    })
    expect(reserved?.occurredAtMs).toBe(reserved?.reservation?.createdAtMs)
    expect(reserved?.reservation).toMatchObject({
      customerId: 'Zoë 🎁',
      orderId: 'order-1',
      idempotencyKey: 'key-2',
      ttlSeconds: 60,
    })
  })

  test.for([
    ['no kind of the ledger', 'steal\t\tcup:1:1:0:0\t\t'],
    ['a word that every object knows', 'toString\t\tcup:1:1:0:0\t\t'],
    ['no lines', 'set\t\t\t\t'],
    ['a line without counts', 'set\t\tcup:1\t\t'],
    ['a negative count', 'set\t\tcup:1:-1:0:0\t\t'],
    ['a quantity in hexadecimal', 'set\t\tcup:0x1:1:0:0\t\t'],
    ['a reservation without a record', 'reserve\tr1\tcup:1:1:0:0'],
    ['a record that was cut', 'reserve\tr1\tcup:1:1:0:0\theld\t1-2\t1\t2'],
    ['nothing at all', ''],
  ])('stops at an entry with %s and says where it is', async ([_what, text], { store, stream }) => {
    await store.setStock({ cup: 1 })
    await store.redis.xadd(store.keys.ledger, '1-2', 'time', '1', 'entry', text as string)
    const failure = await stream.read(start, 10).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(MalformedEntryError)
    expect(failure).toMatchObject({ position: { epoch: 1, sequence: 2 }, text })
  })
})

describe('waiting for the ledger', () => {
  test('ends at once when there is something after the position', async ({ store, stream }) => {
    await store.setStock({ cup: 1 })
    expect(await stream.wait(start, 60_000)).toBe(true)
  })

  test('ends when an entry arrives', async ({ store, stream }) => {
    await store.setStock({ cup: 1 })
    const waited = stream.wait({ epoch: 1, sequence: 1 }, 60_000)
    await store.setStock({ cup: 2 })
    expect(await waited).toBe(true)
  })

  test('ends without one after the time it was given', async ({ store, stream }) => {
    await store.setStock({ cup: 1 })
    expect(await stream.wait({ epoch: 1, sequence: 1 }, 20)).toBe(false)
  })
})

describe('letting entries gather', () => {
  test('takes the time it was given when nobody waits', async ({ stream }) => {
    const began = performance.now()
    await stream.gather(50)
    expect(performance.now() - began).toBeGreaterThan(40)
  })

  test('ends at once when somebody waits for an entry, before it or meanwhile', async ({ store, stream }) => {
    const gathered = stream.gather(60_000)
    await store.redis.publish(store.keys.wanted, '')
    await gathered
    await store.redis.publish(store.keys.wanted, '')
    await stream.gather(60_000)
  })
})

describe('publishing the watermark', () => {
  test('tells how far MySQL is, and never drops an entry after it', async ({ store, stream }) => {
    await reserveBatches(store, Array(500).fill(1))
    await stream.publishWatermark(store.server, { epoch: 1, sequence: 450 })
    expect(await store.redis.get(store.keys.watermark)).toBe(`${store.server} 1-450`)
    const left = await stream.read({ epoch: 1, sequence: 450 }, 1000)
    expect(sequences(left)).toEqual(Array.from({ length: 51 }, (_, i) => 451 + i))
    expect(await store.redis.xlen(store.keys.ledger)).toBeLessThan(501)
  })
})

describe('the lease of the writer', () => {
  test('belongs to one, who can renew it, until it is ended', async ({ stream, store }) => {
    expect(await stream.lease('one', 60_000)).toBe(true)
    expect(await stream.lease('two', 60_000)).toBe(false)
    expect(await stream.lease('one', 90_000)).toBe(true)
    expect(await store.redis.pttl(store.keys.writer)).toBeGreaterThan(60_000)
    await stream.endLease('two')
    expect(await stream.lease('two', 60_000)).toBe(false)
    await stream.endLease('one')
    expect(await stream.lease('two', 60_000)).toBe(true)
  })
})
