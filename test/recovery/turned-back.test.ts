import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { type RedisServer, startRedis } from '../../src/embedded/redis-server.js'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { storeKeys } from '../../src/stock/keys.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { eventually } from '../support/test-store.js'

const lines = [{ sku: 'CUP', quantity: 1 }]

let folder: string
let primary: RedisServer
let replica: RedisServer
let onPrimary: Redis
let onReplica: Redis
let store: BriefStore
let api: Api
let shopper: Shopper

const sequenceOf = (redis: Redis) => redis.hget(storeKeys(store.name).position, 'sequence')

const isInSync = async (redis: Redis) => /^master_link_status:up/m.test(await redis.info('replication'))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-turned-'))
  primary = await startRedis({ folder: join(folder, 'primary') })
  const { password } = new URL(primary.url)
  await mkdir(join(folder, 'replica'))
  await cp(join(folder, 'primary', 'password'), join(folder, 'replica', 'password'))
  onPrimary = new Redis(primary.url)
  await onPrimary.config('SET', 'repl-diskless-sync-delay', '0', 'masterauth', password)
  replica = await startRedis({
    folder: join(folder, 'replica'),
    settings: {
      replicaof: `127.0.0.1 ${primary.port}`,
      masterauth: password,
      'repl-diskless-sync-delay': '0',
    },
  })
  onReplica = new Redis(replica.url)
  await eventually(() => isInSync(onReplica), 'the replica is in sync')
  store = await openBriefStore({ redisUrl: primary.url, connectTimeoutMs: 2000, confirmWaitMs: 5000 })
  await store.worker()
  api = await store.api()
  shopper = new Shopper(api.app)
  expect((await shopper.set('CUP', 10)).status).toBe(201)
}, 30_000)

afterEach(async () => {
  await store.close()
  for (const redis of [onPrimary, onReplica]) redis.disconnect()
  await replica.stop()
  await primary.stop()
  await rm(folder, { recursive: true, force: true })
})

/** @returns how many of so many customers have bought a unit, of which both stores know. */
async function sell(customers: number): Promise<number> {
  let sold = 0
  for (let i = 0; i < customers; i++) {
    const held = await shopper.reserve({ lines })
    if (held.status !== 201) continue
    const { status, body } = await shopper.confirm(held.body.id)
    if (status === 200 && body.persisted) sold++
  }
  return sold
}

/** The primary takes the data of the replica and is promoted again, all in the same process. */
async function turnBack(): Promise<void> {
  await onPrimary.replicaof('127.0.0.1', replica.port)
  await eventually(() => isInSync(onPrimary), 'the primary has the data of the replica')
  await onPrimary.replicaof('NO', 'ONE')
}

const isOpen = async () => (await shopper.readyz()).status === 200 && (await sell(1)) === 1

const isRestoredSince = async (epoch: number) => (await store.database.store.findFirstOrThrow()).epoch > epoch

test('a primary that was a replica for a moment is restored, not believed', { timeout: 60_000 }, async () => {
  expect(await sell(2)).toBe(2)
  await onReplica.replicaof('NO', 'ONE')
  expect(await sell(4)).toBe(4)
  const { epoch } = await store.database.store.findFirstOrThrow()
  await turnBack()
  await eventually(() => isRestoredSince(epoch), 'it is restored')
  await eventually(isOpen, 'it is open again')
  expect(await sell(10)).toBe(3)
  const { redis: state } = await expectInvariants(store)
  expect(state.counts.get('CUP')).toEqual({ available: 0, held: 0, sold: 10 })
})

test('so is one whose new entries have passed the watermark of the old ones', {
  timeout: 60_000,
}, async () => {
  expect(await sell(2)).toBe(2)
  await onReplica.replicaof('NO', 'ONE')
  expect(await sell(1)).toBe(1)
  await turnBack()
  // Entries of another history, as many as were lost and more.
  for (let i = 0; i < 5; i++) await shopper.set('HAT', i)
  const { epoch } = await store.database.store.findFirstOrThrow()
  await eventually(() => isRestoredSince(epoch), 'it is restored')
  await eventually(isOpen, 'it is open again')
  expect(await sell(10)).toBe(6)
  const { redis: state } = await expectInvariants(store)
  expect(state.counts.get('CUP')).toEqual({ available: 0, held: 0, sold: 10 })
})

test('nothing that is done before it is noticed is called persisted', { timeout: 60_000 }, async () => {
  const held: string[] = []
  for (let i = 0; i < 3; i++) held.push((await shopper.reserve({ lines })).body.id)
  await onReplica.replicaof('NO', 'ONE')
  // MySQL holds more of the old history than there will be of the new one for a while.
  expect(await sell(5)).toBe(5)
  const { epoch } = await store.database.store.findFirstOrThrow()
  await turnBack()
  const paid = await Promise.all(held.map((id) => shopper.confirm(id, { paymentRef: `payment-${id}` })))
  const read = await Promise.all(held.map((id) => shopper.read(id)))
  await eventually(() => isRestoredSince(epoch), 'it is restored')
  await eventually(isOpen, 'it is open again')
  for (const { body } of [...paid, ...read]) {
    if (!body.persisted || body.state !== 'confirmed') continue
    expect((await shopper.read(body.id)).body).toMatchObject({ state: 'confirmed', persisted: true })
  }
  await expectInvariants(store)
})

test('one that nothing could restore yet is not believed after a restart, either', {
  timeout: 60_000,
}, async () => {
  expect(await sell(2)).toBe(2)
  const { id: storeId, epoch } = await store.database.store.findFirstOrThrow()
  await store.database.quarantinedEntry.create({
    data: { storeId, epoch: 1, sequence: 1, firstSequence: 1, state: 'discarded', record: '[]' },
  })
  await eventually(async () => (await sequenceOf(onReplica)) === (await sequenceOf(onPrimary)), 'it has all')
  await onReplica.replicaof('NO', 'ONE')
  await turnBack()
  const wasReplica = /Redis was a replica meanwhile.*holdfast quarantine/
  const reasonOf = ({ stores }: Api) => stores.get(store.name)?.fence.reason ?? ''
  await eventually(() => wasReplica.test(reasonOf(api)), 'it is noticed')

  await primary.stop()
  primary = await startRedis({ folder: join(folder, 'primary') })
  const again = await store.api({ redisUrl: primary.url })
  await eventually(() => /quarantine/.test(reasonOf(again)), 'it is compared')
  expect(reasonOf(again)).toMatch(wasReplica)
  await store.database.quarantinedEntry.deleteMany()
  await eventually(() => isRestoredSince(epoch), 'it is restored')
  await eventually(() => reasonOf(again) === '', 'it is open again')
})

test('one beside a MySQL that was set back is left to an administrator', { timeout: 60_000 }, async () => {
  const { ledger, position } = storeKeys(store.name)
  expect(await sell(4)).toBe(4)
  // As if it had sold for longer: Redis drops what MySQL has told that it holds.
  await onPrimary.xtrim(ledger, 'MINID', `1-${await sequenceOf(onPrimary)}`)
  const length = await onPrimary.xlen(ledger)
  await eventually(async () => (await onReplica.xlen(ledger)) === length, 'the replica has done so')
  await onReplica.replicaof('NO', 'ONE')
  const before = await store.database.store.findFirstOrThrow()
  await store.database.store.updateMany({ data: { sequence: 1 } })
  await turnBack()
  const reason = () => api.stores.get(store.name)?.fence.reason ?? ''
  await eventually(() => reason().includes('MySQL was set back'), 'it is fenced')
  // What a writer has read ahead of such a server is no part of what it has written.
  const row = await new StoreLedger(store.database, store.name).row()
  const stream = new LedgerStream(onPrimary, onPrimary, store.name)
  expect(await stream.hasGoneBack(row, row.watermark)).toBe(true)
  expect(await onPrimary.hexists(position, 'turned')).toBe(1)
  expect((await store.database.store.findFirstOrThrow()).epoch).toBe(before.epoch)
  expect((await shopper.reserve({ lines })).status).toBe(503)
})

test('a process that is led to a replica takes the store from nobody', { timeout: 60_000 }, async () => {
  expect(await sell(1)).toBe(1)
  const before = await store.database.store.findFirstOrThrow()
  const stray = await store.api({ redisUrl: replica.url })
  const strayShopper = new Shopper(stray.app)
  expect((await strayShopper.readyz()).status).toBe(503)
  expect((await strayShopper.reserve({ lines })).status).toBe(503)
  const { server, generation } = await store.database.store.findFirstOrThrow()
  expect([server, generation]).toEqual([before.server, before.generation])
  expect(await sell(1)).toBe(1)
  await onReplica.config('SET', 'replica-read-only', 'no')
  await eventually(
    () => /is a replica/.test(stray.stores.get(store.name)?.fence.reason ?? ''),
    'a replica that takes writes is known for one',
  )
  expect((await store.database.store.findFirstOrThrow()).server).toBe(before.server)
  expect(await sell(1)).toBe(1)
})
