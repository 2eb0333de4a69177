import { pino } from 'pino'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { type Api, startApi } from '../../src/api.js'
import { SlowCallLog } from '../../src/http/slow-call-log.js'
import { EventClient } from '../support/event-client.js'
import { HttpClient } from '../support/http-client.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const apis: Api[] = []
afterAll(async () => {
  for (const api of apis) await api.stop()
})

/** An API that logs to an array. No worker runs, so that a payment waits as long as it may. */
async function api(overrides: object) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const started = await startApi({ ...store.config, confirmWaitMs: 300, ...overrides }, log)
  apis.push(started)
  return {
    client: new HttpClient(started.app),
    listen: () => started.listen(),
    stop: () => started.stop(),
    slow: () => lines.filter(({ msg }) => msg === 'a call was slow'),
  }
}

async function pay(client: HttpClient) {
  await client.put('/v1/stock/cup', { onHand: 100 })
  const cart = { customerId: 'customer-secret', lines: [{ sku: 'cup', quantity: 1 }] }
  const { id } = (await client.post('/v1/reservations', cart)).body
  const headers = {
    'x-request-id': 'request-7',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  }
  const answer = await client.post(
    `/v1/reservations/${id}/confirm`,
    { paymentRef: 'payment-secret' },
    headers,
  )
  expect(answer.status).toBe(202)
  return id
}

describe('a slow call', () => {
  test('is logged with where its time went, and with nothing of the client', async () => {
    const { client, slow } = await api({ slowRequestMs: 250 })
    const id = await pay(client)
    const payment = slow().find(({ route }) => route === '/v1/reservations/:id/confirm')
    expect(payment).toMatchObject({
      level: 40,
      method: 'POST',
      status: 202,
      store: store.name,
      requestId: 'request-7',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      batchCalls: 1,
    })
    const { tookMs, gateMs, redisMs, mysqlMs } = payment as Record<string, number>
    expect(mysqlMs).toBeGreaterThanOrEqual(290)
    expect(tookMs).toBeGreaterThanOrEqual(Number(gateMs) + Number(redisMs) + Number(mysqlMs) - 2)
    expect(JSON.stringify(slow())).not.toMatch(new RegExp(`secret|cup|${id}`))
  })

  test('is not logged when it is quicker than that, nor when nothing is slow', async () => {
    for (const slowRequestMs of [60_000, 0]) {
      const { client, slow } = await api({ slowRequestMs })
      await pay(client)
      expect(slow()).toEqual([])
    }
  })
})

test('an event stream is not slow, however long it lasts', async () => {
  const { slow, listen, stop } = await api({ slowRequestMs: 250, drainMs: 0 })
  const stream = await EventClient.open(await listen())
  await stream.first('pulse', () => stream.of('pulse').length > 1)
  await stop()
  expect(await stream.ended).toBe('by the server')
  expect(slow().filter(({ route }) => route === '/v1/events')).toEqual([])
})

describe('many slow calls', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('fill ten lines in ten seconds, and one that says how many were left out', () => {
    vi.useFakeTimers()
    const lines: unknown[] = []
    const log = new SlowCallLog({ warn: (fields, message) => lines.push([message, fields]) })
    const call = { method: 'GET', route: '/', status: 200, requestId: 'r', startMs: 0, endMs: 2000 }
    const absent = { traceparent: undefined, tracestate: undefined, store: undefined, position: undefined }
    const add = () => log.add({ ...call, ...absent, step: undefined, mysql: undefined }, undefined)
    for (let i = 0; i < 1000; i++) add()
    expect(lines).toHaveLength(10)
    vi.advanceTimersByTime(10_000)
    expect(lines).toHaveLength(11)
    expect(lines[10]).toEqual(['more calls were slow and are not logged', { leftOut: 990, seconds: 10 }])
    add()
    vi.advanceTimersByTime(20_000)
    expect(lines).toHaveLength(12)
  })
})
