import { expect, test } from 'vitest'
import { Expirer } from '../../src/expiry/expirer.js'
import { connectJobRedis, connectRedis } from '../../src/stock/connection.js'
import { StockGate } from '../../src/stock/gate.js'
import { HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore({ confirmWaitMs: 0 })

test('reservations that cannot be read stop nobody else, and are reported once', async () => {
  const client = new HttpClient((await store.api()).app)
  await client.put('/v1/stock/cup', { onHand: 10 })
  const ids: string[] = []
  for (let i = 0; i < 6; i++) {
    const body = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }
    ids.push((await client.post('/v1/reservations', body)).body.id)
  }
  const [first, second, ended, ...others] = ids as [string, string, string, ...string[]]
  expect((await client.post(`/v1/reservations/${ended}/release`)).status).toBe(200)
  await store.redis.zadd(store.keys.finished, 1, ended)
  for (const [i, id] of [first, second, ...others].entries()) {
    await makeOverdue(store.redis, store.keys, id, 60_000 - i)
  }
  for (const id of [first, second, ended]) await store.redis.hset(store.keys.reservations, id, 'damaged')
  expect((await client.post(`/v1/reservations/${first}/confirm`)).status).toBe(500)

  const logged: object[] = []
  const log = { warn: () => {}, error: (fields: object) => logged.push(fields) }
  const redis = await connectRedis(store.config.redisUrl, store.config)
  const gate = new StockGate(redis, store.name, store.config)
  const jobs = await connectJobRedis(store.config.redisUrl, 5000)
  // As few at a time as are damaged: whole steps of them are passed.
  const expirer = new Expirer(
    gate,
    jobs,
    () => ({ epoch: 9, sequence: 0 }),
    { batchMax: 2, sweepMs: 20 },
    log,
  )
  expirer.start()
  await eventually(() => expirer.reservationsExpired === others.length, 'all others have expired')
  await eventually(() => logged.length === 2, 'both are reported')
  expect((await client.get('/v1/stock/cup')).body).toMatchObject({ available: 8, held: 2 })

  // What is damaged later is reported, too, and what was is not again.
  const { body } = await client.post('/v1/reservations', {
    customerId: 'c',
    lines: [{ sku: 'cup', quantity: 1 }],
  })
  await store.redis.hset(store.keys.reservations, body.id, 'damaged')
  await store.redis.zadd(store.keys.deadlines, 2, body.id)
  await eventually(() => logged.length === 3, 'the third one is reported')
  await expirer.stop()
  for (const connection of [redis, jobs]) connection.disconnect()
  const facts = { store: store.name, example: expect.any(String) }
  expect(logged).toEqual([
    { ...facts, task: 'expire', damaged: 2, example: first },
    { ...facts, task: 'forget', damaged: 1, example: ended },
    { ...facts, task: 'expire', damaged: 3 },
  ])
})
