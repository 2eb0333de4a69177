import { beforeAll, describe, expect, test } from 'vitest'
import { type Answer, expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 100 })).app)
  await client.put('/v1/stock/cup', { onHand: 1000 })
})

async function hold(quantity = 1, sku = 'cup'): Promise<string> {
  const { body } = await client.post('/v1/reservations', { customerId: 'c', lines: [{ sku, quantity }] })
  return body.id
}

function confirm(id: string, body?: object): Promise<Answer> {
  return client.post(`/v1/reservations/${id}/confirm`, body)
}

async function counts(sku = 'cup') {
  const { available, held, sold } = (await client.get(`/v1/stock/${sku}`)).body
  return { available, held, sold }
}

// The tests of this file run in order: the worker starts in its last part.
describe('confirm while MySQL does not follow', () => {
  test('answers 202 with persisted false once the wait is over', async () => {
    const before = await counts()
    const id = await hold(2)
    const answer = await confirm(id, { paymentRef: 'pay-1' })
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ id, state: 'confirmed', paymentRef: 'pay-1', persisted: false })
    expect(answer.body).toHaveProperty('closedAt')
    expect(answer.body).not.toHaveProperty('reacquired')
    expect(await counts()).toEqual({
      ...{ available: Number(before.available) - 2, held: before.held, sold: Number(before.sold) + 2 },
    })
  })

  test('answers a repeat alike and sells once', async () => {
    const id = await hold()
    const first = await confirm(id, { paymentRef: 'pay-1' })
    const before = await dumpStore(store.redis, store.name)
    for (const body of [{ paymentRef: 'pay-1' }, {}, undefined, { ifExpired: 'reacquire' }]) {
      const again = await confirm(id, body)
      expect([again.status, again.body]).toEqual([202, first.body])
    }
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('sells once, of 50 requests at once', async () => {
    const before = await counts()
    const id = await hold(3)
    const answers = await Promise.all(Array.from({ length: 50 }, () => confirm(id, { paymentRef: 'p' })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect((await counts()).sold).toBe(Number(before.sold) + 3)
  })

  test('refuses another payment than the one it was confirmed with', async () => {
    const id = await hold()
    await confirm(id, { paymentRef: 'pay-1' })
    expectProblem(await confirm(id, { paymentRef: 'pay-2' }), 'payment-mismatch')
    const unnamed = await hold()
    await confirm(unnamed)
    expectProblem(await confirm(unnamed, { paymentRef: 'pay-1' }), 'payment-mismatch')
  })

  test('refuses what was released or does not exist', async () => {
    const id = await hold()
    await client.post(`/v1/reservations/${id}/release`)
    expectProblem(await confirm(id), 'reservation-released')
    expectProblem(await confirm(id, { ifExpired: 'reacquire' }), 'reservation-released')
    expectProblem(await confirm('0190b0a0-0000-7000-8000-000000000000'), 'unknown-reservation')
    expectProblem(await confirm('nonsense'), 'unknown-reservation')
  })

  test('refuses a payment after the deadline, whether or not it has been expired yet', async () => {
    const id = await hold()
    await makeOverdue(store.redis, store.keys, id)
    const before = await dumpStore(store.redis, store.name)
    expectProblem(await confirm(id), 'reservation-expired')
    expectProblem(await confirm(id, { ifExpired: 'refuse' }), 'reservation-expired')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  test('takes the units of an expired reservation again when told to', async () => {
    await client.put('/v1/stock/late', { onHand: 2 })
    const id = await hold(2, 'late')
    await makeOverdue(store.redis, store.keys, id)
    const answer = await confirm(id, { paymentRef: 'late-pay', ifExpired: 'reacquire' })
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ state: 'confirmed', reacquired: true, paymentRef: 'late-pay' })
    expect(await counts('late')).toEqual({ available: 0, held: 0, sold: 2 })
    expect((await confirm(id, { paymentRef: 'late-pay' })).body).toEqual(answer.body)
    expect((await client.get(`/v1/reservations/${id}`)).body).toEqual(answer.body)
  })

  test('refuses to take them again when one line is short, and names it', async () => {
    await client.put('/v1/stock/gone', { onHand: 2 })
    const id = await hold(2, 'gone')
    await makeOverdue(store.redis, store.keys, id)
    await [...(await store.api()).stores.values()][0]?.gate.expire(10)
    await hold(1, 'gone')
    expectProblem(await confirm(id, { ifExpired: 'reacquire' }), 'insufficient-stock', {
      lines: [{ sku: 'gone', requested: 2, available: 1 }],
    })
    expect((await client.get(`/v1/reservations/${id}`)).body.state).toBe('expired')
    expect(await counts('gone')).toEqual({ available: 1, held: 1, sold: 0 })
  })

  test('needs no body, and says so of an empty JSON one', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      const url = `/v1/reservations/${await hold()}/confirm`
      expect((await client.send({ method: 'POST', url, headers })).status).toBe(202)
    }
  })
})

describe('confirm while a worker follows', () => {
  test('answers 200 with persisted true, and MySQL holds the sale by then', async () => {
    const waiting = await hold()
    expect((await confirm(waiting)).status).toBe(202)
    await store.worker()
    const patient = new HttpClient((await store.api({ confirmWaitMs: 10_000 })).app)
    for (let round = 0; round < 5; round++) {
      const id = await hold()
      const answer = await patient.post(`/v1/reservations/${id}/confirm`, { paymentRef: `pay-${round}` })
      expect([answer.status, answer.body.persisted]).toEqual([200, true])
      const rows = await store.database.reservation.findMany({ where: { id } })
      expect(rows.map(({ state, paymentRef }) => ({ state, paymentRef }))).toEqual([
        { state: 'confirmed', paymentRef: `pay-${round}` },
      ])
    }
    expect(await patient.post(`/v1/reservations/${waiting}/confirm`)).toMatchObject({
      ...{ status: 200, body: { persisted: true } },
    })
    await eventually(
      async () => (await client.get(`/v1/reservations/${waiting}`)).body.persisted === true,
      'a read tells that MySQL holds the sale',
    )
  })
})
