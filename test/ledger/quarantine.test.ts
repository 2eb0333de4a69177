import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { runQuarantine } from '../../src/commands/quarantine.js'
import { type Config, ConfigError, readConfig } from '../../src/config.js'
import type { ReconciliationReport } from '../../src/domain/reconciliation.js'
import type { StoreServices } from '../../src/http/store-services.js'
import { openDatabase } from '../../src/ledger/database.js'
import type { EntryBatch } from '../../src/ledger/ledger-tables.js'
import { discardEntry, readQuarantineSize, retryEntry } from '../../src/ledger/quarantine-queries.js'
import { StoreLedger, type StoreRow } from '../../src/ledger/store-ledger.js'
import { fenceSettings } from '../../src/recovery/fence-watcher.js'
import { Reconciler, reconciliationSettings } from '../../src/recovery/reconciler.js'
import { restoreByHand as restoreStoreByHand } from '../../src/recovery/restore.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreFence } from '../../src/stock/store-fence.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { expectInvariants, watermark } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { eventually } from '../support/test-store.js'
import { damageEntry, damageRecord, mendEntry } from './damaged-ledger.js'
import { WriterUnderTest } from './writer-under-test.js'

/** Every entry has a kind; this makes it one of no version. */
const asUnknownKind = (text: string) => text.replace(/^[a-z]+/, 'steal')

describe('a ledger entry that cannot be read', { timeout: 60_000 }, () => {
  let store: BriefStore
  let api: Api
  let services: StoreServices
  let shopper: Shopper
  let ledger: StoreLedger
  const writers: WriterUnderTest[] = []

  // A store for each test: most of them leave it damaged.
  beforeEach(async () => {
    store = await openBriefStore({
      confirmWaitMs: 5000,
      retentionSeconds: 1,
      sweepMs: 50,
      reconcileSeconds: 0,
    })
    api = await store.api()
    services = api.stores.get(store.name) as StoreServices
    shopper = new Shopper(api.app)
    ledger = new StoreLedger(store.database, store.name)
    for (const sku of ['CUP', 'PLATE', 'FORK']) expect((await shopper.set(sku, 100)).status).toBe(201)
    return async () => {
      for (const writer of writers.splice(0)) await writer.stop()
      await store.close()
    }
  })

  async function hold(...skus: string[]): Promise<string> {
    const lines = skus.map((sku) => ({ sku, quantity: 1 }))
    const { status, body } = await shopper.reserve({ lines })
    expect(status).toBe(201)
    return body.id
  }

  async function end(): Promise<number> {
    return Number(await store.redis.hget(store.keys.position, 'sequence'))
  }

  async function caughtUp(): Promise<void> {
    const last = await end()
    await eventually(async () => (await watermark(store)).sequence === last, 'the watermark is at the end')
  }

  async function cleared(): Promise<void> {
    await eventually(async () => {
      const { malformed, waiting } = await readQuarantineSize(ledger)
      return malformed + waiting === 0 && (await store.database.quarantinedSku.count()) === 0
    }, 'nothing is set aside')
  }

  async function quarantined(): Promise<string[]> {
    const rows = await store.database.quarantinedEntry.findMany({ orderBy: { sequence: 'asc' } })
    return rows.map(({ sequence, state, skus }) => `${sequence} ${state} ${skus}`)
  }

  async function persistedSequences(): Promise<number[]> {
    const rows = await store.database.ledgerLine.findMany({ orderBy: { sequence: 'asc' } })
    return [...new Set(rows.map(({ sequence }) => Number(sequence)))]
  }

  async function reconcile(repair = false): Promise<ReconciliationReport> {
    const report = await services.reconciler.run({ repair })
    expect(report).not.toHaveProperty('refused')
    return report as ReconciliationReport
  }

  function restoreByHand() {
    const fence = new StoreFence(store.redis, store.name)
    return restoreStoreByHand(fence, ledger, 'by hand', fenceSettings(store.config))
  }

  function at(sequence: number) {
    return { epoch: 1, sequence }
  }

  /** CUP's hold at 4 is damaged; the one at 6 has FORK wait too, which the one at 8 does not know. */
  async function tradeAroundDamage() {
    const ids = {
      damaged: await hold('CUP'),
      plate: await hold('PLATE'),
      cupAndFork: await hold('CUP', 'FORK'),
      laterPlate: await hold('PLATE'),
      fork: await hold('FORK'),
    }
    const record = await damageEntry(store, 4, asUnknownKind)
    return { ...ids, record }
  }

  test('is set aside with what touches its SKUs, directly or through a cart; all others go on', async () => {
    const { plate } = await tradeAroundDamage()
    await store.worker()
    await caughtUp()
    expect(await quarantined()).toEqual(['4 malformed CUP', '6 waiting CUP,FORK', '8 waiting FORK'])
    expect(await persistedSequences()).toEqual([1, 2, 3, 5, 7])
    const confirmed = await shopper.confirm(plate)
    expect(confirmed).toMatchObject({ status: 200, body: { persisted: true } })
    const rows = await store.database.stock.findMany({ orderBy: { sku: 'asc' } })
    expect(rows.map(({ sku, held, sold }) => `${sku} ${held} ${sold}`)).toEqual([
      'CUP 0 0',
      'FORK 0 0',
      'PLATE 1 1',
    ])
  })

  test('never lets a payment behind it be called persisted', async () => {
    const { damaged, plate, fork } = await tradeAroundDamage()
    const before = await store.api({ confirmWaitMs: 0 })
    await store.worker()
    await caughtUp()
    expect(await new Shopper(before.app).read(fork)).toMatchObject({ body: { persisted: false } })
    for (const id of [damaged, fork]) {
      expect(await shopper.confirm(id)).toMatchObject({ status: 202, body: { persisted: false } })
      expect(await shopper.read(id)).toMatchObject({ body: { state: 'confirmed', persisted: false } })
    }
    expect(await shopper.read(plate)).toMatchObject({ body: { persisted: true } })
  })

  test('and what waits behind it stays in Redis as long as MySQL has not applied it', async () => {
    const { fork, plate } = await tradeAroundDamage()
    await store.worker()
    for (const id of [fork, plate]) expect((await shopper.release(id)).status).toBe(200)
    await caughtUp()
    // A second after its end the sweep may forget a reservation whose end MySQL holds. The one released
    // here is of before the quarantine: neither of the others may go before it is cleared.
    expect((await shopper.set('SPOON', 1)).status).toBe(201)
    await caughtUp()
    const forgotten = async () => (await store.redis.hget(store.keys.reservations, fork)) === null
    await expect(eventually(forgotten, 'it is forgotten', 2500)).rejects.toThrow()
  })

  test('is told by /readyz, /metrics and the log, while the store stays ready', async () => {
    await tradeAroundDamage()
    const logged: object[] = []
    const log = { info: () => {}, error: (fields: object) => logged.push(fields) }
    const writer = new WriterUnderTest(store, { log })
    writers.push(writer)
    await caughtUp()
    const { status, body } = await shopper.readyz()
    expect(status).toBe(200)
    expect(body.reasons.join(' ')).toContain(
      'has 1 ledger entries that cannot be read and 2 that wait behind them: payments for 2 SKUs answer 202',
    )
    const metrics = await api.app.inject('/metrics')
    for (const [state, entries] of Object.entries({ malformed: 1, waiting: 2, discarded: 0 })) {
      expect(metrics.body).toContain(
        `holdfast_ledger_quarantined_entries{store="${store.name}",state="${state}"} ${entries}\n`,
      )
    }
    expect(logged).toEqual([{ store: store.name, position: '1-4', skus: ['CUP'] }])
    expect(writer.problem).toBeUndefined()
  })

  test('that somebody discards while it is retried was not retried', async () => {
    const { record } = await tradeAroundDamage()
    const worker = await store.worker()
    await caughtUp()
    await worker.stop()
    await mendEntry(store, 4, record)
    const other = openDatabase(store.config.databaseUrl, { connectionsMax: 1, connectTimeoutMs: 10_000 })
    let retrying: Promise<string> | undefined
    await other.$transaction(
      async (transaction) => {
        await transaction.quarantinedEntry.updateMany({
          where: { epoch: 1, sequence: 4 },
          data: { state: 'discarded' },
        })
        retrying = retryEntry(ledger, at(4))
        const waits = async () => {
          // The table is made anew only for who has not read it for a tenth of a second.
          await delay(150)
          const rows = await transaction.$queryRawUnsafe<unknown[]>(
            "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%quarantine%'",
          )
          return rows.length > 0
        }
        await eventually(waits, 'the retry waits for the row')
      },
      { timeout: 20_000 },
    )
    expect(await retrying).toBe('unknown')
    await other.$disconnect()
  })

  test('is applied in order with all that waits behind it once it can be read', async () => {
    const { damaged, fork, record } = await tradeAroundDamage()
    await store.worker()
    await caughtUp()
    expect(await retryEntry(ledger, at(4))).toBe('unreadable')
    expect(await retryEntry(ledger, at(6))).toBe('unknown')
    await mendEntry(store, 4, record)
    expect(await retryEntry(ledger, at(4))).toBe('retried')
    expect(['retried', 'unknown']).toContain(await retryEntry(ledger, at(4)))
    await cleared()
    expect(await retryEntry(ledger, at(4))).toBe('unknown')
    expect(await quarantined()).toEqual([])
    await expectInvariants(store)
    for (const id of [damaged, fork]) {
      expect(await shopper.confirm(id)).toMatchObject({ status: 200, body: { persisted: true } })
    }
    expect((await reconcile()).drifted).toEqual([])
    await expectInvariants(store)
  })

  test('keeps who made what waits behind it', async () => {
    await hold('CUP')
    const record = await damageEntry(store, 4, asUnknownKind)
    await services.gate.adjustStock('CUP', 5, 'return', undefined, 'shop')
    await store.worker()
    await caughtUp()
    expect(await store.database.ledgerActor.count()).toBe(0)
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    await cleared()
    const actors = await store.database.ledgerActor.findMany()
    expect(actors).toMatchObject([{ sequence: 5n, actor: 'shop' }])
  })

  test('blocks every SKU when it does not tell which it moved', async () => {
    const { record } = await tradeAroundDamage().then(async (ids) => {
      await damageEntry(store, 4, () => 'reserve')
      return ids
    })
    await store.worker()
    await caughtUp()
    expect(await persistedSequences()).toEqual([1, 2, 3])
    expect(await store.database.quarantinedSku.count({ where: { sku: '*' } })).toBe(1)
    expect((await shopper.readyz()).body.reasons.join(' ')).toContain('payments for all SKUs answer 202')
    const { drifted } = await reconcile(true)
    expect(drifted.map(({ sku, field, repaired }) => `${sku} ${field} ${repaired}`).sort()).toEqual([
      'CUP quarantine false',
      'FORK quarantine false',
      'PLATE quarantine false',
    ])
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    await cleared()
    await expectInvariants(store)
  })

  test('can be a whole record, which stands for all of its entries', async () => {
    const [first] = await Promise.all([hold('CUP'), hold('CUP')])
    await hold('PLATE')
    await damageRecord(store, 5)
    const [before] = await store.redis.xrange(store.keys.ledger, '1-5', '1-5')
    await store.worker()
    await caughtUp()
    const [row] = await store.database.quarantinedEntry.findMany()
    expect(row).toMatchObject({ firstSequence: 4n, sequence: 5n, state: 'malformed', skus: 'CUP' })
    expect(JSON.parse(row?.record ?? '')).toEqual(before?.[1])
    expect(await persistedSequences()).toEqual([1, 2, 3, 6])
    expect(await shopper.read(first as string)).toMatchObject({ body: { persisted: false } })
    await mendEntry(store, 5, ['time', String(Date.now()), ...(before?.[1].slice(2) ?? [])])
    expect(await retryEntry(ledger, at(5))).toBe('retried')
    await cleared()
    expect(await persistedSequences()).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('leaves what waits behind another one where it is', async () => {
    const { record } = await tradeAroundDamage()
    await damageEntry(store, 5, asUnknownKind)
    await store.worker()
    await caughtUp()
    expect(await persistedSequences()).toEqual([1, 2, 3])
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    await eventually(async () => (await quarantined()).length === 2, 'CUP and FORK are applied')
    expect(await quarantined()).toEqual(['5 malformed PLATE', '7 waiting PLATE'])
    expect(await persistedSequences()).toEqual([1, 2, 3, 4, 6, 8])
    await hold('PLATE')
    await hold('CUP')
    await caughtUp()
    expect(await quarantined()).toEqual(['5 malformed PLATE', '7 waiting PLATE', '9 waiting PLATE'])
  })

  test('is set aside and released by a writer that dies or loses every other answer', async () => {
    let calls = 0
    class DyingLedger extends StoreLedger {
      override async apply(seen: StoreRow, batch: EntryBatch): Promise<boolean> {
        const turn = calls++ % 4
        if (turn === 1) throw new Error('died before the commit')
        const applied = await super.apply(seen, batch)
        if (turn === 3) throw new Error('died after the commit')
        return applied
      }
    }
    const { record } = await tradeAroundDamage()
    for (let i = 0; i < 20; i++) await hold(...(i % 2 === 0 ? ['CUP'] : ['PLATE', 'FORK']))
    writers.push(new WriterUnderTest(store, { ledger: DyingLedger, settings: { linesMax: 3 } }))
    await caughtUp()
    expect((await quarantined()).filter((row) => row.includes('malformed'))).toEqual(['4 malformed CUP'])
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    await cleared()
    expect(calls).toBeGreaterThan(8)
    await expectInvariants(store)
  })

  test('is set aside once by two writers, and released once', async () => {
    const { record } = await tradeAroundDamage()
    const both = [new WriterUnderTest(store, { settings: { linesMax: 2 } })]
    both.push(new WriterUnderTest(store, { settings: { linesMax: 2, leaseMs: 20 } }))
    writers.push(...both)
    await caughtUp()
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    for (let i = 0; i < 10; i++) await hold('CUP', 'PLATE')
    await caughtUp()
    await cleared()
    await expectInvariants(store)
  })

  test('keeps a store that was lost from being restored, until it is decided on', async () => {
    const { record, plate } = await tradeAroundDamage()
    await store.worker()
    await caughtUp()
    const mine = await store.redis.keys(`holdfast:{${store.name}}:*`)
    await store.redis.del(...mine)
    const reason = () => services.fence.reason ?? ''
    await eventually(() => reason().includes('the ledger entry 1-4 is quarantined'), 'it stays fenced')
    expect((await shopper.reserve({ lines: [{ sku: 'PLATE', quantity: 1 }] })).status).toBe(503)
    await mendEntry(store, 4, record)
    await retryEntry(ledger, at(4))
    await eventually(() => services.fence.reason === undefined, 'it is restored')
    expect(await quarantined()).toEqual([])
    expect(await shopper.read(plate)).toMatchObject({ status: 200, body: { state: 'held' } })
    await expectInvariants(store)
  })

  test('keeps an administrator from restoring the store by hand', async () => {
    await tradeAroundDamage()
    await store.worker()
    await caughtUp()
    const before = await ledger.row()
    await expect(restoreByHand()).rejects.toThrow('the ledger entry 1-4 is quarantined')
    expect(await ledger.row()).toEqual(before)
  })

  test('is no drift: the SKUs are named, and no repair touches them', async () => {
    await tradeAroundDamage()
    await store.worker()
    await caughtUp()
    for (const repair of [false, true]) {
      const report = await reconcile(repair)
      expect(report.drifted.map(({ sku, field }) => `${sku} ${field}`).sort()).toEqual([
        'CUP quarantine',
        'FORK quarantine',
      ])
      expect(report.drifted[0]?.cause).toMatch(/quarantined/)
      expect(report.repaired).toBe(0)
    }
    expect(await store.database.ledgerLine.count({ where: { kind: 'correct' } })).toBe(0)
  })

  /** A hold whose payment is answered, and its entry, 1-5, set aside. */
  async function payUnread(): Promise<string> {
    const paid = await hold('CUP')
    const api202 = await store.api({ confirmWaitMs: 0 })
    expect((await new Shopper(api202.app).confirm(paid)).status).toBe(202)
    await damageEntry(store, 5, asUnknownKind)
    await store.worker()
    await caughtUp()
    return paid
  }

  test('is not undone by a repair when its reservation is missing in Redis as well', async () => {
    const paid = await payUnread()
    await store.redis.hdel(store.keys.reservations, paid)
    const { repaired } = await reconcile(true)
    expect(repaired).toBe(0)
    expect(await store.redis.hexists(store.keys.reservations, paid)).toBe(0)
  })

  describe('and is discarded', () => {
    const why = { by: 'ada', reason: 'cut by a broken disk' }

    test('lets what waits behind it go on, is remembered with who and why, and is found by the reconciler until that takes over from Redis what it did', async () => {
      const damaged = await hold('CUP')
      const later = await hold('CUP')
      await damageEntry(store, 4, asUnknownKind)
      await store.worker()
      await caughtUp()
      expect(await discardEntry(ledger, at(4), why)).toBe(true)
      expect(await discardEntry(ledger, at(4), why)).toBe(false)
      await cleared()
      expect(await persistedSequences()).toEqual([1, 2, 3, 5])
      expect(await shopper.read(damaged)).toMatchObject({ body: { persisted: false } })
      expect(await shopper.read(later)).toMatchObject({ body: { persisted: true } })

      const found = await reconcile()
      expect(
        found.drifted.map(({ sku, reservationId, field }) => `${sku ?? reservationId} ${field}`),
      ).toEqual(expect.arrayContaining(['CUP available', 'CUP held', `${damaged} record`]))
      for (const { cause } of found.drifted) expect(cause).toMatch(/1-4.*discarded/)

      const repaired = await reconcile(true)
      expect(repaired.repaired).toBe(repaired.driftedTotal)
      expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 98, held: 2 } })
      expect((await reconcile()).drifted).toEqual([])
      expect(await store.database.quarantinedEntry.findFirst()).toMatchObject({
        state: 'settled',
        discardedBy: why.by,
        reason: why.reason,
      })
      await eventually(
        async () => (await shopper.read(damaged)).body.persisted === true,
        'its correction is held',
      )
      expect(await shopper.confirm(damaged)).toMatchObject({ status: 200, body: { persisted: true } })
      expect((await reconcile()).drifted).toEqual([])
    })

    test('never has a payment that it was undone', async () => {
      const paid = await payUnread()
      await discardEntry(ledger, at(5), why)
      await cleared()
      const repaired = await reconcile(true)
      expect(repaired.repaired).toBe(repaired.driftedTotal)
      expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 99, held: 0, sold: 1 } })
      expect(await shopper.read(paid)).toMatchObject({ body: { state: 'confirmed' } })
      expect((await reconcile()).drifted).toEqual([])
      const row = await store.database.stock.findFirst({ where: { sku: 'CUP' } })
      expect(row).toMatchObject({ available: 99n, held: 0n, sold: 1n })
    })

    test('while a repair runs: the repair does not undo its payment', async () => {
      const paid = await payUnread()
      // The run has begun when it reads its first part.
      class LateSurvey extends StoreSurvey {
        override async *scanSkus(count: number) {
          await discardEntry(ledger, at(5), why)
          await cleared()
          yield* super.scanSkus(count)
        }
      }
      const run = new Reconciler(
        new LateSurvey(store.redis, store.name),
        new StoreCorrections(store.redis, store.name),
        ledger,
        reconciliationSettings,
        { warn() {} },
      )
      expect(await run.run({ repair: true })).not.toHaveProperty('refused')
      expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 99, held: 0, sold: 1 } })
      expect(await shopper.read(paid)).toMatchObject({ body: { state: 'confirmed' } })
      await reconcile(true)
      expect((await reconcile()).drifted).toEqual([])
      expect(await shopper.read(paid)).toMatchObject({ body: { state: 'confirmed' } })
    })

    test('without a word of what it moved: the reconciler takes over all that differs', async () => {
      await hold('CUP')
      const set = await shopper.set('SPOON', 7)
      expect(set.status).toBe(201)
      await damageEntry(store, 4, () => '\u0001')
      await damageEntry(store, 5, () => '')
      await store.worker()
      await caughtUp()
      await discardEntry(ledger, at(4), why)
      await discardEntry(ledger, at(5), why)
      await cleared()
      const repaired = await reconcile(true)
      expect(repaired.repaired).toBe(repaired.driftedTotal)
      expect((await reconcile()).drifted).toEqual([])
      const counts = await store.database.stock.findMany({ where: { sku: { in: ['CUP', 'SPOON'] } } })
      expect(counts.map(({ sku, available, held }) => `${sku} ${available} ${held}`).sort()).toEqual([
        'CUP 99 1',
        'SPOON 7 0',
      ])
    })

    test('keeps the store from being restored by itself before that, because MySQL may count too many', async () => {
      await hold('CUP')
      await damageEntry(store, 4, asUnknownKind)
      await store.worker()
      await caughtUp()
      await discardEntry(ledger, at(4), why)
      await cleared()
      const mine = await store.redis.keys(`holdfast:{${store.name}}:*`)
      await store.redis.del(...mine)
      const reason = () => services.fence.reason ?? ''
      await eventually(() => reason().includes('no reconciliation has settled it'), 'it stays fenced')
      expect((await shopper.readyz()).status).toBe(503)
      // By hand it is restored, without what was given up.
      expect(await restoreByHand()).toMatchObject({ epoch: 2 })
      await eventually(() => services.fence.reason === undefined, 'it is open')
      expect(await quarantined()).toEqual(['4 settled CUP'])
      expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 100, held: 0 } })
    })
  })

  describe('and the command line', () => {
    test('lists, retries and discards, each with its exit status', async () => {
      const { record } = await tradeAroundDamage()
      expect(await quarantine(store.config, 'list')).toMatchObject({
        status: 0,
        printed: expect.stringMatching(/nothing is quarantined/),
      })
      await store.worker()
      await caughtUp()
      const listed = await quarantine(store.config, 'list')
      expect(listed.status).toBe(1)
      expect(listed.printed).toMatch(/1-4 {2}cannot be read; SKUs CUP; since/)
      expect(listed.printed).toMatch(/1-8 {2}waits behind an entry that cannot be read; SKUs FORK/)
      expect(listed.printed).toContain('"entry","steal\\t')
      expect(await quarantine(store.config, 'retry', '1-4')).toMatchObject({
        status: 1,
        printed: expect.stringMatching(/by this version either/),
      })
      expect(await quarantine(store.config, 'retry', '1-5')).toMatchObject({
        status: 1,
        printed: expect.stringMatching(/no entry 1-5 waits/),
      })
      await mendEntry(store, 4, record)
      expect(await quarantine(store.config, 'retry', '1-4', '--store', store.name)).toMatchObject({
        status: 0,
      })
      await cleared()
      expect(await quarantine(store.config, 'list')).toMatchObject({ status: 0 })
    })

    test('discards with a name and a reason', async () => {
      await tradeAroundDamage()
      await store.worker()
      await caughtUp()
      const discarded = await quarantine(store.config, 'discard', '1-4', '--reason', 'lost', '--by', 'ada')
      expect(discarded).toMatchObject({ status: 0, printed: expect.stringMatching(/reconcile --repair/) })
      await cleared()
      const listed = await quarantine(store.config, 'list')
      expect(listed).toMatchObject({
        status: 1,
        printed: expect.stringMatching(/1-4 {2}was discarded.*\n.*by ada at .*: lost/),
      })
      expect(await quarantine(store.config, 'discard', '1-4', '--reason', 'lost')).toMatchObject({
        status: 1,
      })
    })
  })
})

describe('the command line', () => {
  // They are refused before anything is reached.
  const config = readConfig({ REDIS_URL: 'redis://nowhere', DATABASE_URL: 'mysql://nowhere' })

  test.each([
    [[]],
    [['show']],
    [['list', '1-4']],
    [['list', '--reason', 'x']],
    [['retry']],
    [['retry', 'four']],
    [['retry', '1-4', '1-5']],
    [['retry', '1-4', '--reason', 'x']],
    [['discard', '1-4']],
    [['discard', '1-4', '--reason', ' ']],
    [['discard', '1-4', '--reason', 'a\tb']],
    [['discard', '1-4', '--reason', 'x', '--by', '']],
    [['list', '--store', 'another']],
    [['list', '--what']],
  ])('refuses the arguments %j', async (args) => {
    await expect(quarantine(config, ...args)).rejects.toThrow(ConfigError)
  })
})

/** Runs the command here, and tells what it printed and how it would end. */
async function quarantine(config: Config, ...args: string[]): Promise<{ status: number; printed: string }> {
  const lines: string[] = []
  const { log, error } = console
  console.log = console.error = (line: string) => lines.push(line)
  try {
    const status = await runQuarantine(config, args)
    return { status, printed: lines.join('\n') }
  } finally {
    Object.assign(console, { log, error })
  }
}
