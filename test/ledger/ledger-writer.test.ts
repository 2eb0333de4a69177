import { beforeEach, describe, expect, test } from 'vitest'
import type { LedgerEntry } from '../../src/domain/ledger-entry.js'
import { isReadable } from '../../src/domain/ledger-record.js'
import { formatPosition, type Position } from '../../src/domain/position.js'
import { applyEntries, type EntryBatch, prepareBatch } from '../../src/ledger/ledger-tables.js'
import { StoreLedger, type StoreRow } from '../../src/ledger/store-ledger.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { expectInvariants, watermark } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { eventually, type TestStore } from '../support/test-store.js'
import { WriterUnderTest } from './writer-under-test.js'

/** Reserves, confirms, releases and adjusts: some entries of every kind a shopper makes. */
async function trade(shopper: Shopper, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const lines = [
      { sku: 'CUP', quantity: 2 },
      { sku: 'PLATE', quantity: 1 },
    ]
    const answers = await Promise.all(Array.from({ length: 8 }, () => shopper.reserve({ lines })))
    const [first, second, third] = answers.map(({ status, body }) => {
      expect(status).toBe(201)
      return body.id
    })
    await Promise.all([shopper.confirm(first), shopper.release(second), shopper.extend(third, 1000)])
    await shopper.adjust('CUP', 5)
  }
}

/** Everything MySQL holds, for comparing before and after. */
async function tables({ database }: TestStore): Promise<string> {
  const rows = await Promise.all(
    ['ledger', 'reservations', 'stock', 'stores'].map((table) =>
      database.$queryRawUnsafe(`SELECT * FROM ${table} ORDER BY 1, 2, 3, 4`),
    ),
  )
  return JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? Number(value) : value))
}

async function end({ redis, keys }: TestStore): Promise<Position> {
  const [epoch, sequence] = await redis.hmget(keys.position, 'epoch', 'sequence')
  return { epoch: Number(epoch), sequence: Number(sequence) }
}

async function caughtUp(store: TestStore): Promise<boolean> {
  return formatPosition(await watermark(store)) === formatPosition(await end(store))
}

function prepare(entries: readonly LedgerEntry[]): EntryBatch {
  return prepareBatch((entries.at(-1) as LedgerEntry).position, entries)
}

describe('the ledger writer', () => {
  let store: BriefStore
  let shopper: Shopper
  const writers: WriterUnderTest[] = []

  const startWriter = (options?: ConstructorParameters<typeof WriterUnderTest>[1]) => {
    const writer = new WriterUnderTest(store, options)
    writers.push(writer)
    return writer
  }

  // A store for each test: some of them leave it damaged.
  beforeEach(async () => {
    store = await openBriefStore({ confirmWaitMs: 0 })
    shopper = new Shopper((await store.api()).app)
    for (const sku of ['CUP', 'PLATE']) expect((await shopper.set(sku, 1000)).status).toBe(201)
    return async () => {
      for (const writer of writers.splice(0)) await writer.stop()
      await store.close()
    }
  })

  test('stops without waiting for entries to come', async () => {
    // A read waits for as long as a quarter of the lease.
    const writer = startWriter({ settings: { leaseMs: 60_000 } })
    await eventually(() => caughtUp(store), 'MySQL holds everything')
    const startedMs = performance.now()
    await writer.stop()
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    expect(await store.redis.exists(store.keys.writer)).toBe(0)
  })

  test('persists every entry once and in order while they are being made', async () => {
    const { writer } = startWriter({ settings: { linesMax: 7 } })
    await trade(shopper, 20)
    await eventually(() => caughtUp(store), 'MySQL holds everything')
    const { mysql } = await expectInvariants(store)
    expect(writer.entriesWritten).toBe(mysql.ledger.length)
    expect(mysql.ledger).toHaveLength((await end(store)).sequence)
  })

  test('that dies before the commit leaves everything to the next one', async () => {
    let attempts = 0
    class DyingLedger extends StoreLedger {
      override async apply(): Promise<boolean> {
        attempts++
        throw new Error('died before the commit')
      }
    }
    await trade(shopper, 2)
    const dying = startWriter({ ledger: DyingLedger })
    await eventually(() => attempts > 1, 'it has tried again')
    expect(dying.problem).toBe('died before the commit')
    await dying.stop()
    expect((await watermark(store)).sequence).toBe(0)
    startWriter()
    await expectInvariants(store)
  })

  test('takes a row of MySQL back that was moved ahead of the ledger', async () => {
    startWriter()
    const { body } = await shopper.reserve({ lines: [{ sku: 'CUP', quantity: 2 }] })
    await eventually(() => caughtUp(store), 'MySQL holds the hold')
    for (const table of ['reservations', 'stock']) {
      await store.database.$executeRawUnsafe(`UPDATE ${table} SET epoch = 7, sequence = 1000000`)
    }
    expect((await shopper.confirm(body.id)).status).toBe(202)
    await eventually(() => caughtUp(store), 'MySQL holds the payment')
    expect(await store.database.reservation.findFirst()).toMatchObject({ state: 'confirmed', epoch: 1 })
    const where = { sku: 'CUP' }
    expect(await store.database.stock.findFirst({ where })).toMatchObject({ held: 0n, sold: 2n, epoch: 1 })
  })

  test('that dies after the commit and before the trim leaves nothing to do twice', async () => {
    class DyingStream extends LedgerStream {
      override async publishWatermark(_server: string, position: Position): Promise<void> {
        if (position.sequence > 0) throw new Error('died before the trim')
      }
    }
    await trade(shopper, 2)
    const kept = await store.redis.xlen(store.keys.ledger)
    const dying = startWriter({ stream: DyingStream })
    await eventually(() => caughtUp(store), 'MySQL holds everything')
    await dying.stop()
    expect(await store.redis.xlen(store.keys.ledger)).toBe(kept)
    const before = await tables(store)
    const { writer } = startWriter()
    const told = async () => String(await store.redis.get(store.keys.watermark))
    const where = formatPosition(await end(store))
    await eventually(async () => (await told()).endsWith(where), 'the next one has told where MySQL is')
    expect(await tables(store)).toBe(before)
    expect(writer.entriesWritten).toBe(0)
    await trade(shopper, 1)
    await expectInvariants(store)
  })

  test('whose commit was not answered goes on after it', async () => {
    let lost = 0
    class LossyLedger extends StoreLedger {
      override async apply(seen: StoreRow, batch: EntryBatch): Promise<boolean> {
        const applied = await super.apply(seen, batch)
        if (lost++ % 2 === 0) throw new Error('the answer was lost')
        return applied
      }
    }
    startWriter({ ledger: LossyLedger, settings: { linesMax: 5 } })
    await trade(shopper, 4)
    await expectInvariants(store)
    expect(lost).toBeGreaterThan(2)
  })

  test('gives a MySQL that is too slow for a transaction less at once, until it is quicker', async () => {
    await trade(shopper, 24)
    // Each row takes 10 ms, so that 400 of them take several times what a transaction may.
    await store.database.$executeRawUnsafe(
      'CREATE TRIGGER slow BEFORE INSERT ON ledger FOR EACH ROW DO SLEEP(0.01)',
    )
    const sizes: number[] = []
    class CountedLedger extends StoreLedger {
      override async apply(seen: StoreRow, batch: EntryBatch, msMax?: number): Promise<boolean> {
        sizes.push(batch.entries)
        return super.apply(seen, batch, msMax)
      }
    }
    const settings = { linesMax: 400, transactionMsMax: 800 }
    const writer = startWriter({ ledger: CountedLedger, settings })
    await eventually(() => writer.problem !== undefined, 'a transaction has failed')
    expect(writer.problem).toMatch(/timeout for this transaction was 800 ms/)
    expect((await watermark(store)).sequence).toBe(0)
    await eventually(async () => (await watermark(store)).sequence > 0, 'smaller ones succeed', 30_000)
    const small = sizes.at(-1) as number
    expect(small).toBeLessThan((sizes[0] as number) / 4)
    const before = sizes.length
    await store.database.$executeRawUnsafe('DROP TRIGGER slow')
    await expectInvariants(store)
    expect(Math.max(...sizes.slice(before))).toBeGreaterThan(1.5 * small)
  }, 60_000)

  test('leaves the store to another one when it cannot reach MySQL, and says so once', async () => {
    await trade(shopper, 4)
    let looks = 0
    class UnreachableLedger extends StoreLedger {
      override row(): Promise<StoreRow> {
        throw new Error(`no connection after ${++looks} ms`)
      }
    }
    const said: string[] = []
    const log = { info: () => {}, error: (_: object, message: string) => void said.push(message) }
    startWriter({ ledger: UnreachableLedger, log })
    await eventually(() => looks > 3, 'the one that cannot reach MySQL tries again')
    startWriter()
    await expectInvariants(store)
    expect(said).toEqual(['the ledger writer cannot go on; it retries'])
  })

  test('shares a store with another one, whoever is faster', async () => {
    class UnleasedStream extends LedgerStream {
      override async lease(): Promise<boolean> {
        return true
      }
    }
    const attempts = [0, 0]
    const both = attempts.map((_, i) => {
      class CountedLedger extends StoreLedger {
        override async apply(seen: StoreRow, batch: EntryBatch): Promise<boolean> {
          attempts[i] = (attempts[i] as number) + 1
          return super.apply(seen, batch)
        }
      }
      return startWriter({ ledger: CountedLedger, stream: UnleasedStream, settings: { linesMax: 3 } })
    })
    await trade(shopper, 15)
    const { mysql } = await expectInvariants(store)
    expect(Math.min(...attempts)).toBeGreaterThan(3)
    const written = both.map(({ writer }) => writer.entriesWritten)
    expect(written.reduce((sum, count) => sum + count)).toBe(mysql.ledger.length)
  })

  test('leaves in Redis whatever MySQL does not hold', async () => {
    const gaps: string[] = []
    let looks = 0
    const { redis, keys } = store
    class WatchedStream extends LedgerStream {
      override async publishWatermark(server: string, position: Position): Promise<void> {
        await super.publishWatermark(server, position)
        const held = await watermark(store)
        const replies = await redis
          .multi()
          .hget(keys.position, 'sequence')
          .xrange(keys.ledger, `(${formatPosition(held)}`, '+')
          .exec()
        const [newest, records] = (replies ?? []).map(([, reply]) => reply) as [string, [string, string[]][]]
        const left = records.reduce((count, [, fields]) => count + fields.length / 2 - 1, 0)
        looks++
        if (left < Number(newest) - held.sequence)
          gaps.push(`${left} left after ${held.sequence} of ${newest}`)
      }
    }
    startWriter({ stream: WatchedStream, settings: { linesMax: 10 } })
    await trade(shopper, 20)
    await eventually(() => caughtUp(store), 'MySQL holds everything')
    expect(gaps).toEqual([])
    expect(looks).toBeGreaterThan(10)
    // What MySQL holds is dropped, but for the newest node of the stream.
    expect(await store.redis.xlen(store.keys.ledger)).toBeLessThan(110)
  })

  test('stops at a gap and says so, and nothing after it is persisted', async () => {
    await trade(shopper, 1)
    const [, second] = await store.redis.xrange(store.keys.ledger, '-', '+')
    await store.redis.xdel(store.keys.ledger, (second as [string, string[]])[0])
    const stopped = startWriter()
    await eventually(() => stopped.problem !== undefined, 'it has a problem')
    expect(stopped.problem).toMatch(/the ledger has a gap: 1-\d+ follows sequence/)
    await trade(shopper, 1)
    await eventually(() => /gap/.test(stopped.problem ?? ''), 'it still has')
    expect(await store.database.ledgerLine.findMany({ where: { sequence: { gt: 1 } } })).toEqual([])
    expect((await watermark(store)).sequence).toBeLessThanOrEqual(1)
  })

  const obstacles: [name: string, put: (ids: string[]) => Promise<unknown>, problem: RegExp][] = [
    ['a gap', (ids) => store.redis.xdel(store.keys.ledger, ids.at(-2) as string), /has a gap: 1-\d+ follows/],
    [
      'a record with an id of its own',
      () => store.redis.xadd(store.keys.ledger, '*', 'a', 'b'),
      /no position/,
    ],
    [
      'one that goes back in another epoch',
      () => store.redis.xadd(store.keys.ledger, '2-1', 'a', 'b'),
      /gap: 2-1/,
    ],
  ]
  test.for(obstacles)('persists what stands before %s, and stops there', async ([name, put, problem]) => {
    await trade(shopper, 2)
    const ids = (await store.redis.xrange(store.keys.ledger, '-', '+')).map(([id]) => id)
    await put(ids)
    const stopped = startWriter()
    const reached = ids.at(name === 'a gap' ? -3 : -1)
    await eventually(async () => formatPosition(await watermark(store)) === reached, 'it has come that far')
    await eventually(() => problem.test(stopped.problem ?? ''), 'it says why it stopped')
    expect(formatPosition(await watermark(store))).toBe(reached)
    expect(await store.database.quarantinedEntry.count()).toBe(0)
  })

  describe('when entries are applied again', () => {
    let entries: LedgerEntry[]
    let first: StoreRow
    let storeId: number

    beforeEach(async () => {
      await trade(shopper, 2)
      const ledger = new StoreLedger(store.database, store.name)
      storeId = await ledger.storeId()
      first = await ledger.row()
      const items = await new LedgerStream(store.redis, store.redis, store.name).read(first.watermark, 1000)
      entries = items.filter(isReadable)
      expect(entries.length).toBeGreaterThan(20)
      expect(await applyEntries(store.database, storeId, first, prepare(entries))).toBe(true)
    })

    test('by a writer that does not know that they were, nothing changes', async () => {
      const before = await tables(store)
      expect(await applyEntries(store.database, storeId, first, prepare(entries))).toBe(false)
      expect(await applyEntries(store.database, storeId, first, prepare(entries.slice(0, 5)))).toBe(false)
      expect(await tables(store)).toBe(before)
      await expectInvariants(store)
    })

    test('by a writer of a server that lost the store, nothing changes', async () => {
      const before = await tables(store)
      const now = { ...first, watermark: await watermark(store), server: 'another' }
      expect(await applyEntries(store.database, storeId, now, prepare(entries))).toBe(false)
      expect(await tables(store)).toBe(before)
    })

    test('late and out of order, no reservation and no count goes back', async () => {
      const rows = async () => {
        const { database } = store
        const [stock, reservations] = [await database.stock.findMany(), await database.reservation.findMany()]
        return { stock, reservations, lines: await database.ledgerLine.count() }
      }
      const before = await rows()
      // As if the store had been seen where it stands: the watermark alone would not keep them out.
      const now = { ...first, watermark: await watermark(store) }
      for (const entry of [...entries].reverse()) {
        const late = prepareBatch(now.watermark, [entry])
        expect(await applyEntries(store.database, storeId, now, late)).toBe(true)
      }
      expect(await rows()).toEqual(before)
    })
  })
})
