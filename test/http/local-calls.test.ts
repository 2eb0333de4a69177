import { beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { makeKey } from '../support/api-keys.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let api: Api
let client: HttpClient

beforeAll(async () => {
  api = await store.api()
  client = new HttpClient(api.app)
  expect((await client.put('/v1/stock/cup', { onHand: 10 })).status).toBe(201)
})

/** What a browser, or somebody else, says of where its call goes and where it comes from. */
const foreign: Record<string, string>[] = [
  { host: 'shop.example' },
  { host: 'shop.example:3000' },
  { host: 'localhost.shop.example' },
  { host: '127.0.0.1.shop.example:3000' },
  { host: 'notlocalhost' },
  { host: '10.0.0.7' },
  { host: '[::2]:3000' },
  { host: 'localhost:3000@shop.example' },
  { origin: 'https://shop.example' },
  { origin: 'http://localhost.shop.example' },
  { origin: 'null' },
  { origin: 'file://localhost' },
  { 'sec-fetch-site': 'cross-site' },
  { host: 'localhost:3000', origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' },
]

const local: Record<string, string>[] = [
  {},
  { host: 'localhost' },
  { host: 'LOCALHOST:3000' },
  { host: 'holdfast.localhost:3000' },
  { host: '127.0.0.1:3000' },
  { host: '127.8.9.10' },
  { host: '[::1]:3000' },
  { host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-origin' },
  { host: 'localhost:3000', origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
]

describe('without API keys', () => {
  test.for(foreign)('a call with %j changes, reads and follows nothing', async (headers) => {
    expectProblem(await client.put('/v1/stock/cup', { onHand: 666 }, headers), 'forbidden-host')
    const read = await client.get('/v1/stock', headers)
    expectProblem(read, 'forbidden-host')
    expect(read.body.detail).toContain('holdfast keys create')
    expectProblem(await client.get('/v1/events', headers), 'forbidden-host')
    expect((await client.get('/v1/stock/cup')).body).toMatchObject({ onHand: 10 })
    // Those who watch over the service call it by any name.
    for (const path of ['/healthz', '/metrics']) expect((await client.get(path, headers)).status).toBe(200)
  })

  test.for(local)('a call with %j is served', async (headers) => {
    expect((await client.get('/v1/stock/cup', headers)).status).toBe(200)
  })
})

test('with API keys the key decides alone', async () => {
  const key = await makeKey(store.database)
  await eventually(() => api.keyring.state === 'guarded', 'keys are asked for')
  for (const headers of [...foreign, ...local]) {
    expectProblem(await client.get('/v1/stock/cup', headers), 'unauthorized')
    const authorized = { ...headers, authorization: `Bearer ${key}` }
    expect((await client.get('/v1/stock/cup', authorized)).status).toBe(200)
  }
})
