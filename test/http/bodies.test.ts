import { beforeAll, describe, expect, test } from 'vitest'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient
let changes: [method: 'POST' | 'PUT', path: string, body: string][]

beforeAll(async () => {
  client = new HttpClient((await store.api()).app)
  await client.put('/v1/stock/cup', { onHand: 10 })
  const reserve = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }
  const { id } = (await client.post('/v1/reservations', reserve)).body
  changes = [
    ['POST', '/v1/reservations', JSON.stringify(reserve)],
    ['POST', `/v1/reservations/${id}/confirm`, '{"paymentRef":"pay"}'],
    ['POST', `/v1/reservations/${id}/release`, '{}'],
    ['POST', `/v1/reservations/${id}/extend`, '{"ttlSeconds":3600}'],
    ['PUT', '/v1/stock/cup', '{"onHand":11}'],
    ['POST', '/v1/stock/cup/adjustments', '{"quantity":1}'],
  ]
})

/** Sends each change's body as `spoil` makes it; every one must be this refusal and change nothing. */
async function expectRefused(
  code: 'invalid-request' | 'body-too-large' | 'unsupported-media-type',
  spoil: (body: string) => { payload?: string | Buffer; contentType?: string },
): Promise<void> {
  const before = await dumpStore(store.redis, store.name)
  for (const [method, url, body] of changes) {
    const { payload = body, contentType = 'application/json' } = spoil(body)
    const headers = contentType === '' ? {} : { 'content-type': contentType }
    expectProblem(await client.send({ method, url, headers, payload }), code)
  }
  expect(await dumpStore(store.redis, store.name)).toEqual(before)
}

describe('the body of a change', () => {
  test('is refused with 413 above 64 KiB, whatever it holds', async () => {
    await expectRefused('body-too-large', (body) => ({
      payload: body.replace('{', `{${' '.repeat(65_536)}`),
    }))
    await expectRefused('body-too-large', () => ({ payload: 'x'.repeat(70_000) }))
  })

  test('is taken at 64 KiB', async () => {
    const body = JSON.stringify({ customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] })
    const payload = body.replace('{', `{${' '.repeat(65_536 - body.length)}`)
    const headers = { 'content-type': 'application/json' }
    expect(payload).toHaveLength(65_536)
    expect(await client.send({ method: 'POST', url: '/v1/reservations', headers, payload })).toMatchObject({
      status: 201,
    })
  })

  test.for([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/xml',
    'json',
    '',
    'application/jsonx',
    'application/problem+json',
  ])('is refused with 415 when it is said to be "%s"', async (contentType) => {
    await expectRefused('unsupported-media-type', () => ({ contentType }))
  })

  test('may name its character set', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    const payload = JSON.stringify({ customerId: 'Zoë', lines: [{ sku: 'cup', quantity: 1 }] })
    const answer = await client.send({ method: 'POST', url: '/v1/reservations', headers, payload })
    expect([answer.status, answer.body.customerId]).toEqual([201, 'Zoë'])
  })

  test('is refused when it is not JSON', async () => {
    for (const payload of [
      '{',
      'nonsense',
      '{"a":1,}',
      "{'a':1}",
      '\u0000',
      '{"quantity":NaN}',
      '[1',
      '﻿{}x',
    ]) {
      await expectRefused('invalid-request', () => ({ payload }))
    }
    await expectRefused('invalid-request', (body) => ({ payload: body.slice(0, -1) }))
  })

  test('is refused when it is not UTF-8', async () => {
    await expectRefused('invalid-request', () => ({
      payload: Buffer.from('{"customerId":"\xff\xfe","lines":[{"sku":"cup","quantity":1}]}', 'latin1'),
    }))
  })

  test('is refused when it is no object', async () => {
    for (const payload of ['[]', '1', '"x"', 'true', 'null', '[{}]']) {
      await expectRefused('invalid-request', () => ({ payload }))
    }
  })

  test('is refused when it reaches for a prototype', async () => {
    for (const spoilt of ['{"__proto__":{"quantity":1},', '{"constructor":{"prototype":{}},']) {
      await expectRefused('invalid-request', (body) => ({
        payload: body.replace('{', spoilt).replace(',}', '}'),
      }))
    }
  })

  test('is refused with a field that the call does not have', async () => {
    await expectRefused('invalid-request', (body) => ({
      payload: body.replace('{', '{"colour":"red",').replace(',}', '}'),
    }))
  })

  test('is told which field that is', async () => {
    const body = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1, 'price "net"': 2 }] }
    const { detail } = (await client.post('/v1/reservations', body)).body
    expect(detail).toBe(String.raw`body/lines/0 must NOT have additional properties: "price \"net\"".`)
    const long = (await client.post('/v1/reservations', { ['x'.repeat(10_000)]: 1 })).body
    expect(String(long.detail).length).toBeLessThan(200)
  })

  test('must be there, except to confirm and to release', async () => {
    const before = await dumpStore(store.redis, store.name)
    for (const [method, url] of changes.filter(([, path]) => !/confirm|release/.test(path))) {
      for (const headers of [{}, { 'content-type': 'application/json' }]) {
        expectProblem(await client.send({ method, url, headers }), 'invalid-request')
      }
    }
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })
})
