import { beforeAll, describe, expect, test } from 'vitest'
import { type Body, expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { eventually, openTestStore } from '../support/test-store.js'

const unreachable = 'mysql://nobody@127.0.0.1:1/nothing'

const store = await openTestStore({ retentionSeconds: 1, sweepMs: 100 })
let client: HttpClient
let confirmed: Body
let unnamed: Body
let released: Body
let expired: Body

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 10_000 })).app)
  await store.worker()
  await client.put('/v1/stock/cup', { onHand: 10 })
  const hold = async (key: string) => {
    const body = { customerId: 'Zoë 🎁', orderId: `order-${key}`, lines: [{ sku: 'cup', quantity: 1 }] }
    return (await client.post('/v1/reservations', body, { 'idempotency-key': key })).body
  }
  const [a, b, c, d] = [await hold('a'), await hold('b'), await hold('c'), await hold('d')]
  confirmed = (await client.post(`/v1/reservations/${a.id}/confirm`, { paymentRef: 'pay-1' })).body
  unnamed = (await client.post(`/v1/reservations/${b.id}/confirm`)).body
  released = (await client.post(`/v1/reservations/${c.id}/release`)).body
  await makeOverdue(store.redis, store.keys, d.id)
  await eventually(async () => {
    expired = (await client.get(`/v1/reservations/${d.id}`)).body
    return expired.state === 'expired'
  }, 'the reservation is expired')
  await eventually(
    async () => (await store.redis.hlen(store.keys.reservations)) === 0,
    'Redis has forgotten what ended',
  )
})

describe('a reservation that ended and has left Redis', () => {
  test('is read from MySQL as it was', async () => {
    for (const was of [confirmed, unnamed, released, expired]) {
      const { status, body } = await client.get(`/v1/reservations/${was.id}`)
      expect([status, body]).toEqual([200, { ...was, persisted: true }])
    }
  })

  test('answers a repeat of what ended it as before', async () => {
    for (const body of [{ paymentRef: 'pay-1' }, {}, { ifExpired: 'reacquire' }]) {
      const again = await client.post(`/v1/reservations/${confirmed.id}/confirm`, body)
      expect([again.status, again.body]).toEqual([200, { ...confirmed, persisted: true }])
    }
    const again = await client.post(`/v1/reservations/${released.id}/release`)
    expect([again.status, again.body]).toEqual([200, { ...released, persisted: true }])
  })

  test('refuses another payment', async () => {
    for (const [id, paymentRef] of [
      [confirmed.id, 'pay-2'],
      [unnamed.id, 'pay-1'],
    ]) {
      expectProblem(await client.post(`/v1/reservations/${id}/confirm`, { paymentRef }), 'payment-mismatch')
    }
  })

  test('refuses everything else by the state it ended in', async () => {
    const post = (reservation: Body, call: string, body?: object) =>
      client.post(`/v1/reservations/${reservation.id}/${call}`, body)
    expectProblem(await post(confirmed, 'release'), 'reservation-confirmed')
    expectProblem(await post(confirmed, 'extend', { ttlSeconds: 60 }), 'reservation-confirmed')
    expectProblem(await post(released, 'confirm'), 'reservation-released')
    expectProblem(await post(released, 'extend', { ttlSeconds: 60 }), 'reservation-released')
    expectProblem(await post(expired, 'confirm'), 'reservation-expired')
    expectProblem(await post(expired, 'release'), 'reservation-expired')
    expectProblem(await post(expired, 'extend', { ttlSeconds: 60 }), 'reservation-expired')
  })

  test('has freed its idempotency key: the retention is over', async () => {
    const body = { customerId: 'Zoë 🎁', orderId: 'order-a', lines: [{ sku: 'cup', quantity: 1 }] }
    const answer = await client.post('/v1/reservations', body, { 'idempotency-key': 'a' })
    expect(answer.status).toBe(201)
    expect(answer.body.id).not.toBe(confirmed.id)
  })

  test('cannot be told from an unknown one while MySQL is away, so the call answers 503', async () => {
    const { app } = await store.api({ databaseUrl: unreachable, connectTimeoutMs: 500 })
    const lonely = new HttpClient(app)
    expectProblem(await lonely.get(`/v1/reservations/${confirmed.id}`), 'mysql-unavailable')
    for (const [call, body] of [
      ['confirm', {}],
      ['release', {}],
      ['extend', { ttlSeconds: 60 }],
    ] as const) {
      const answer = await lonely.post(`/v1/reservations/${confirmed.id}/${call}`, body)
      expectProblem(answer, 'mysql-unavailable')
    }
  })
})

describe('a reservation that is held in MySQL and gone from Redis', () => {
  test('is a loss: changes of it answer 503 until Redis and MySQL are compared', async () => {
    const lines = [{ sku: 'cup', quantity: 1 }]
    const { id } = (await client.post('/v1/reservations', { customerId: 'c', lines })).body
    await eventually(
      async () => (await client.get(`/v1/reservations/${id}`)).body.persisted === true,
      'MySQL holds it',
    )
    const deadlineMs = String(await store.redis.zscore(store.keys.deadlines, id))
    const record = String(await store.redis.hget(store.keys.reservations, id))
    await store.redis.multi().hdel(store.keys.reservations, id).zrem(store.keys.deadlines, id).exec()
    for (const [call, body] of [
      ['confirm', {}],
      ['release', {}],
      ['extend', { ttlSeconds: 60 }],
    ] as const) {
      const answer = await client.post(`/v1/reservations/${id}/${call}`, body)
      expectProblem(answer, 'store-fenced')
    }
    await store.redis.hset(store.keys.reservations, id, record)
    await store.redis.zadd(store.keys.deadlines, deadlineMs, id)
  })
})
