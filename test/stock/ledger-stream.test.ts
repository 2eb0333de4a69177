import type { Redis } from 'ioredis'
import { describe, expect } from 'vitest'
import type { LedgerEntry } from '../../src/domain/ledger-entry.js'
import { isReadable } from '../../src/domain/ledger-record.js'
import type { Position } from '../../src/domain/position.js'
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

/** What the ledger holds after a position, all of which can be read. */
async function read(stream: LedgerStream, after: Position, linesMax: number): Promise<LedgerEntry[]> {
  const items = await stream.read(after, linesMax)
  const entries = items.filter(isReadable)
  expect(entries).toHaveLength(items.length)
  return entries
}

function record(customer: string, expiresAtMs = 2): string {
  return `held\t1-2\t1\t${expiresAtMs}\t\t\t\t\t60\tcup:1\t${customer}\t`
}

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
    const entries = await read(stream, start, 100)
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
    expect(sequences(await read(stream, { epoch: 1, sequence: 1 }, 1))).toEqual([2, 3, 4])
    expect(sequences(await read(stream, { epoch: 1, sequence: 1 }, 4))).toEqual([2, 3, 4, 5, 6, 7])
    expect(sequences(await read(stream, { epoch: 1, sequence: 7 }, 100))).toEqual([8, 9, 10])
    expect(await read(stream, { epoch: 1, sequence: 10 }, 100)).toEqual([])
    expect(await read(stream, { epoch: 2, sequence: 0 }, 100)).toEqual([])
  })

  test('reads on beyond one reply of Redis', async ({ store, stream }) => {
    await reserveBatches(store, Array(300).fill(1))
    expect(sequences(await read(stream, start, 1000))).toEqual(Array.from({ length: 301 }, (_, i) => i + 1))
    expect(await read(stream, start, 200)).toHaveLength(200)
  })

  test('reads what the entries carry', async ({ store, stream }) => {
    await store.setStock({ cup: 10 })
    await store.adjust('cup', -1, { reason: 'broken: ün, "q"', key: 'key-1' })
    await store.reserve('r1', 'key-2', request('cup:2', 60, 'Zoë 🎁', 'order-1'))
    const [, adjusted, reserved] = await read(stream, start, 10)
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
    ['no reservation where there has to be one', 'reserve\t\tcup:1:1:0:0\t\t'],
    ['an end that was cut', 'set\t\tcup:1:1:0:0\t'],
    ['nothing at all', ''],
    ['a reason that MySQL has no room for', `set\t\tcup:1:1:0:0\t${'x'.repeat(256)}\t`],
    ['a customer that MySQL has no room for', `reserve\tr1\tcup:1:1:0:0\t${record('c'.repeat(129))}`],
    ['a time that MySQL has no room for', `reserve\tr1\tcup:1:1:0:0\t${record('c', 999_999_999_999_999)}`],
  ])('gives an entry with %s as it is, between its neighbours', async ([_what, text], { store, stream }) => {
    const good = 'set\t\tcup:1:1:0:0\t\t'
    const fields = ['time', '1', ...[good, text as string, good].flatMap((each) => ['entry', each])]
    await store.redis.xadd(store.keys.ledger, '1-3', ...fields)
    const items = await stream.read(start, 10)
    expect(sequences(items)).toEqual([1, 2, 3])
    expect(items.map(isReadable)).toEqual([true, false, true])
    expect(items[1]).toMatchObject({ first: 2, record: ['time', '1', 'entry', text] })
  })

  test('keeps the bytes of what cannot be read, whatever they are', async ({ store, stream }) => {
    const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x09, 0x41])
    await store.redis.xadd(store.keys.ledger, '1-1', 'time', '1', 'entry', bytes)
    const [item] = await stream.read(start, 10)
    expect(item).toMatchObject({ record: ['time', '1', 'entry', bytes.toString('latin1')], skus: undefined })
  })

  test.for([
    ['an entry of an unknown kind', 'steal\t\tcup:1:1:0:0,mug:1:1:0:0\t\t', ['cup', 'mug']],
    ['an entry with a count that is none', 'set\t\tcup:1:nan:0:0\t\t', ['cup']],
    ['an entry whose record was cut', 'reserve\tr1\tcup:1:1:0:0\theld\t1-2', ['cup']],
    ['lines that were cut', 'set\t\tcup:1:1:0:0,mu', undefined],
    ['lines that were cut behind a SKU', 'set\t\tcup:1:1:0:0,mug:1:1:0:0', undefined],
    ['a SKU that is none', 'set\t\tcup:1:1:0:0,ta\u0001ble:1:1:0:0\t\t', undefined],
    ['no lines', 'set\t\t\t\t', undefined],
  ] as const)(
    'tells which SKUs %s moved, if that can be known',
    async ([_what, text, skus], { store, stream }) => {
      await store.redis.xadd(store.keys.ledger, '1-1', 'time', '1', 'entry', text)
      const [item] = await stream.read(start, 10)
      expect(item).toMatchObject({ skus })
    },
  )

  test.for([
    ['without a time', ['time', '', 'entry', 'set\t\tcup:1:1:0:0\t\t'], ['cup']],
    ['that does not begin with its time', ['entry', '1', 'entry', 'set\t\tcup:1:1:0:0\t\t'], undefined],
    ['without entries', ['time', '1'], undefined],
  ] as const)(
    'gives a record %s as one, for all entries that it has to hold',
    async ([, fields, skus], { store, stream }) => {
      await reserveBatches(store, [1])
      await store.redis.xadd(store.keys.ledger, '1-9', ...fields)
      const items = await stream.read(start, 10)
      expect(items.at(-1)).toMatchObject({
        position: { epoch: 1, sequence: 9 },
        first: 3,
        record: fields,
        skus,
      })
    },
  )
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
    const left = await read(stream, { epoch: 1, sequence: 450 }, 1000)
    expect(sequences(left)).toEqual(Array.from({ length: 51 }, (_, i) => 451 + i))
    expect(await store.redis.xlen(store.keys.ledger)).toBeLessThan(501)
  })

  test('tells from where on entries are quarantined', async ({ store, stream }) => {
    await stream.publishWatermark(store.server, { epoch: 1, sequence: 9 }, { epoch: 1, sequence: 4 })
    expect(await store.redis.get(store.keys.watermark)).toBe(`${store.server} 1-9 1-4`)
    await stream.publishWatermark(store.server, { epoch: 1, sequence: 9 }, { epoch: 1, sequence: 9 })
    expect(await store.redis.get(store.keys.watermark)).toBe(`${store.server} 1-9`)
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
