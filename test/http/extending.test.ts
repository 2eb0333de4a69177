import { beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Body, expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue, redisNowMs } from '../support/overdue.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0, holdSecondsMax: 3600 })).app)
  await client.put('/v1/stock/cup', { onHand: 1000 })
})

async function hold(ttlSeconds = 60): Promise<Body> {
  const lines = [{ sku: 'cup', quantity: 1 }]
  return (await client.post('/v1/reservations', { customerId: 'c', lines, ttlSeconds })).body
}

function extend(id: string, ttlSeconds: number): Promise<Answer> {
  return client.post(`/v1/reservations/${id}/extend`, { ttlSeconds })
}

const deadlineMs = (body: Body) => Date.parse(String(body.expiresAt))

describe('extend', () => {
  test('gives a deadline counted from now', async () => {
    const { id } = await hold()
    const before = await redisNowMs(store.redis)
    const answer = await extend(id, 600)
    expect(answer.status).toBe(200)
    expect(deadlineMs(answer.body)).toBeGreaterThanOrEqual(before + 600_000)
    expect(deadlineMs(answer.body)).toBeLessThanOrEqual((await redisNowMs(store.redis)) + 600_000)
    expect((await client.get(`/v1/reservations/${id}`)).body.expiresAt).toBe(answer.body.expiresAt)
  })

  test('never moves a deadline earlier', async () => {
    const held = await hold(600)
    const answer = await extend(held.id, 10)
    expect([answer.status, answer.body.expiresAt]).toEqual([200, held.expiresAt])
  })

  test('stops at the longest hold, and tells the latest deadline', async () => {
    const held = await hold()
    const before = await dumpStore(store.redis, store.name)
    const latest = new Date(Date.parse(String(held.createdAt)) + 3_600_000).toISOString()
    expectProblem(await extend(held.id, 3601), 'extension-limit', { expiresAtMax: latest })
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
    expect((await extend(held.id, 3500)).status).toBe(200)
  })

  test('refuses what has ended, what is late and what does not exist', async () => {
    const [paid, returned, late] = [await hold(), await hold(), await hold()]
    await client.post(`/v1/reservations/${paid.id}/confirm`)
    await client.post(`/v1/reservations/${returned.id}/release`)
    await makeOverdue(store.redis, store.keys, late.id)
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await extend(paid.id, 60), 'reservation-confirmed')
    expectProblem(await extend(returned.id, 60), 'reservation-released')
    expectProblem(await extend(late.id, 60), 'reservation-expired')
    expectProblem(await extend('0190b0a0-0000-7000-8000-000000000000', 60), 'unknown-reservation')
    expectProblem(await extend('nonsense', 60), 'unknown-reservation')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })
})
