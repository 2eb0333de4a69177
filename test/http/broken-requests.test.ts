import { connect } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { type RefusalCode, refusals } from '../../src/domain/outcomes.js'
import { Shopper } from '../support/shopper.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore({ confirmWaitMs: 0 })
let shopper: Shopper
let port: number

beforeAll(async () => {
  const api = await store.api()
  port = Number(new URL(await api.listen()).port)
  shopper = new Shopper(api.app)
  await shopper.set('cup', 100)
})

/** Sends a text as it is, and gives all that is answered before the connection is closed. */
function exchange(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setEncoding('latin1')
    socket.on('data', (part) => {
      answer += part
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

function expectProblemAlone(answer: string, code: RefusalCode): void {
  const { status, title } = refusals[code]
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(answer.toLowerCase()).toContain('content-type: application/problem+json')
  expect(answer.toLowerCase()).toContain('connection: close')
  const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
  expect(body).toMatchObject({ type: `urn:holdfast:${code}`, status, title })
}

const host = 'host: localhost\r\nconnection: close\r\n'

describe('what cannot be read as a request', () => {
  test.for<[what: string, text: string, code: RefusalCode]>([
    ['a line that is none', 'nonsense\r\n\r\n', 'invalid-request'],
    ['another protocol', '\x16\x03\x01\x02\x00\x01', 'invalid-request'],
    [
      'two lengths',
      `POST /v1/reservations HTTP/1.1\r\n${host}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`,
      'invalid-request',
    ],
    [
      'a length and chunks',
      `POST /v1/reservations HTTP/1.1\r\n${host}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`,
      'invalid-request',
    ],
    [
      'a chunk that is none',
      `POST /v1/reservations HTTP/1.1\r\n${host}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      'invalid-request',
    ],
    [
      'headers that are too large',
      `GET /healthz HTTP/1.1\r\n${host}x: ${'x'.repeat(20_000)}\r\n\r\n`,
      'headers-too-large',
    ],
    ['no Host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 'invalid-request'],
  ])('is answered with a problem: %s', async ([, text, code]) => {
    expectProblemAlone(await exchange(text), code)
  })

  test('is no answer to the call before it, whose effect is there', async () => {
    const body = JSON.stringify({ customerId: 'c', lines: [{ sku: 'cup', quantity: 3 }] })
    const call = [
      'POST /v1/reservations HTTP/1.1',
      'host: localhost',
      'content-type: application/json',
      'idempotency-key: before-nonsense',
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n')
    expect(await exchange(`${call}nonsense\r\n\r\n`)).toBe('')
    const again = await shopper.reserve(
      { customerId: 'c', lines: [{ sku: 'cup', quantity: 3 }] },
      'before-nonsense',
    )
    expect([again.status, again.replayed]).toEqual([200, true])
    expect((await shopper.stock('cup')).body).toMatchObject({ held: 3 })
  })
})

test('a call that expects what nobody knows is answered all the same', async () => {
  expect(await exchange(`GET /healthz HTTP/1.1\r\n${host}expect: a miracle\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 200 /,
  )
})

test('the body of a call that there is not is not looked at', async () => {
  const tooLarge = `POST /v1/orders HTTP/1.1\r\n${host}content-type: a/b\r\ncontent-length: 70000\r\n\r\n${' '.repeat(70_000)}`
  expectProblemAlone(await exchange(tooLarge), 'not-found')
})
