import { beforeAll, describe, expect, test } from 'vitest'
import { type Answer, expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0 })).app)
  await client.put('/v1/stock/cup', { onHand: 1000 })
})

async function hold(): Promise<string> {
  const lines = [{ sku: 'cup', quantity: 2 }]
  return (await client.post('/v1/reservations', { customerId: 'c', lines })).body.id
}

function release(id: string, body?: unknown): Promise<Answer> {
  return client.post(`/v1/reservations/${id}/release`, body)
}

describe('release', () => {
  test('gives the units back and answers 200', async () => {
    const before = (await client.get('/v1/stock/cup')).body
    const id = await hold()
    const answer = await release(id)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ id, state: 'released', persisted: false })
    expect(answer.body).toHaveProperty('closedAt')
    expect((await client.get('/v1/stock/cup')).body).toEqual(before)
  })

  test('gives units back once, however often it is asked', async () => {
    const id = await hold()
    const first = await release(id)
    const before = await dumpStore(store.redis, store.name)
    for (const again of await Promise.all([release(id), release(id, {}), release(id)])) {
      expect([again.status, again.body]).toEqual([200, first.body])
    }
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('needs no body, and takes an empty one', async () => {
    const send = async (options: object) =>
      (await client.send({ method: 'POST', url: `/v1/reservations/${await hold()}/release`, ...options }))
        .status
    expect(await send({})).toBe(200)
    expect(await send({ headers: { 'content-type': 'application/json' } })).toBe(200)
    expect(await send({ headers: { 'content-type': 'application/json' }, payload: '' })).toBe(200)
    expect(await send({ headers: { 'content-type': 'application/json' }, payload: '{}' })).toBe(200)
  })

  test('refuses what was paid, what is late and what does not exist', async () => {
    const paid = await hold()
    await client.post(`/v1/reservations/${paid}/confirm`)
    const late = await hold()
    await makeOverdue(store.redis, store.keys, late)
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await release(paid), 'reservation-confirmed')
    expectProblem(await release(late), 'reservation-expired')
    expectProblem(await release('0190b0a0-0000-7000-8000-000000000000'), 'unknown-reservation')
    expectProblem(await release('nonsense'), 'unknown-reservation')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('knows an id that is written in capitals, as reading it and its ledger does', async () => {
    const id = (await hold()).toUpperCase()
    expect((await client.get(`/v1/reservations/${id}`)).body.state).toBe('held')
    expect((await client.post(`/v1/reservations/${id}/extend`, { ttlSeconds: 2000 })).status).toBe(200)
    expect((await release(id)).body).toMatchObject({ id: id.toLowerCase(), state: 'released' })
    expectProblem(await client.post(`/v1/reservations/${id}/confirm`), 'reservation-released')
    // Last of all: what a worker renews is in every dump.
    const entries = async () => (await client.get(`/v1/ledger?reservationId=${id}`)).body.items
    await store.worker()
    await eventually(async () => (await entries()).length === 3, 'MySQL has what became of it')
  })
})
