import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { StockReader } from '../../src/stock/stock-reader.js'
import { openBriefStore } from '../support/brief-store.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { expectInvariants } from '../support/invariants.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually } from '../support/test-store.js'

const { url } = await openPrivateRedis()
const admin = new Redis(url)
// The guard is off: what is tested here is the Redis that it could not keep from becoming full.
const store = await openBriefStore({
  redisUrl: url,
  confirmWaitMs: 0,
  memoryPercentMax: 0,
  sweepMs: 100,
  retentionSeconds: 2,
})

afterAll(() => admin.disconnect())

/** Memory for some thousands of holds. */
const holdsBytes = 4_000_000

const reserve = (client: HttpClient, ttlSeconds: number) =>
  client.post('/v1/reservations', { customerId: 'c', ttlSeconds, lines: [{ sku: 'cup', quantity: 1 }] })

/** Holds until Redis has no memory for one more. @returns the ids. */
async function fill(client: HttpClient): Promise<{ brief: string[]; lasting: string[] }> {
  const ids = { brief: [] as string[], lasting: [] as string[] }
  let full = false
  const shopper = async (_: unknown, lane: number) => {
    // Every third one is not paid for in time.
    const isBrief = lane % 3 === 0
    while (!full) {
      const answer = await reserve(client, isBrief ? 5 : 900)
      if (answer.status === 201) ids[isBrief ? 'brief' : 'lasting'].push(answer.body.id)
      else {
        expectProblem(answer, 'memory-full')
        full = true
      }
    }
  }
  await Promise.all(Array.from({ length: 33 }, shopper))
  return ids
}

/** Makes a call for each id, some at once. @returns the statuses of the answers. */
async function atOnce(ids: readonly string[], call: (id: string) => Promise<{ status: number }>) {
  const waiting = ids.values()
  const statuses: number[] = []
  const lane = async () => {
    for (const id of waiting) statuses.push((await call(id)).status)
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  return statuses
}

const isFull = () =>
  admin.set('more', 'than fits').then(
    () => false,
    (error: Error) => error.message.startsWith('OOM '),
  )

test('a Redis that holds have filled to the brim still serves all of them, and has room again', async () => {
  const client = new HttpClient((await store.api()).app)
  const reader = new StockReader(admin, store.name)
  await client.put('/v1/stock/cup', { onHand: 100_000 })
  const emptyBytes = (await reader.memory()).usedBytes
  await admin.config('SET', 'maxmemory', emptyBytes + holdsBytes)
  const { brief, lasting } = await fill(client)
  expect(brief.length + lasting.length).toBeGreaterThan(2000)
  expect(await isFull()).toBe(true)

  const before = await dumpStore(store.redis, store.name)
  expectProblem(await reserve(client, 900), 'memory-full')
  expect(await dumpStore(store.redis, store.name)).toEqual(before)

  const sold = lasting.slice(0, lasting.length / 2)
  const confirming = await atOnce(sold, (id) => client.post(`/v1/reservations/${id}/confirm`))
  expect(new Set(confirming)).toEqual(new Set([202]))
  const kept = lasting.slice(sold.length)
  const [released, extended] = [kept.slice(0, kept.length / 2), kept.slice(kept.length / 2)]
  const releasing = await atOnce(released, (id) => client.post(`/v1/reservations/${id}/release`))
  expect(new Set(releasing)).toEqual(new Set([200]))
  const extending = await atOnce(extended, (id) =>
    client.post(`/v1/reservations/${id}/extend`, { ttlSeconds: 3600 }),
  )
  expect(new Set(extending)).toEqual(new Set([200]))
  expect((await client.post('/v1/stock/cup/adjustments', { quantity: -10 })).status).toBe(200)
  // What a Redis needs beside its maxmemory when MySQL is away: measured, 1.3 times what holds took.
  expect((await reader.memory()).usedBytes).toBeLessThan(emptyBytes + 1.5 * holdsBytes)

  // What starts now: the fence, leases, the writer with its trims, BullMQ without memory for its jobs.
  expect(await isFull()).toBe(true)
  const another = new HttpClient((await store.api()).app)
  expect((await another.get('/readyz')).body).toMatchObject({ ready: true })
  await store.worker()
  const held = async () => (await client.get('/v1/stock/cup')).body.held
  await eventually(async () => (await held()) === extended.length, 'everything overdue has expired')
  const entries = (await reader.position())?.sequence ?? 0
  const isTrimmed = async () => (await admin.xlen(store.keys.ledger)) < entries / 10
  await eventually(isTrimmed, 'MySQL holds the ledger and Redis has dropped it')

  // What ended is forgotten after its retention.
  await eventually(async () => (await reserve(client, 900)).status === 201, 'there is room for holds')
  const roomBytes = async () => emptyBytes + holdsBytes - (await reader.memory()).usedBytes
  await eventually(async () => (await roomBytes()) > holdsBytes / 2, 'there is room for many')
  const { redis: state } = await expectInvariants(store)
  expect(state.counts.get('cup')).toMatchObject({ held: extended.length + 1, sold: sold.length })
}, 120_000)
