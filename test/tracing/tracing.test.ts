import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type BriefStore, openBriefStore } from '../support/brief-store.js'
import { HoldfastCommand, settingsOf } from '../support/holdfast-command.js'
import { attributeOf, type ReceivedSpan, SpanReceiver } from '../support/span-receiver.js'
import { eventually } from '../support/test-store.js'

vi.setConfig({ testTimeout: 120_000 })

const source = fileURLToPath(new URL('../../src', import.meta.url))
const receiver = await SpanReceiver.open()
let store: BriefStore
let settings: Record<string, string>

beforeAll(async () => {
  store = await openBriefStore()
  settings = {
    ...settingsOf(store),
    // A busy machine is not what is tried here.
    HOLDFAST_CONFIRM_WAIT_MS: '20000',
    // Nothing balances the calls.
    HOLDFAST_DRAIN_MS: '0',
  }
}, 240_000)

afterAll(() => receiver.close())

/** An API and a worker with these variables beside the settings, for as long as `work` takes. */
async function running(
  variables: Record<string, string>,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const api = new HoldfastCommand(['api'], { ...settings, ...variables })
  const worker = new HoldfastCommand(['worker'], { ...settings, ...variables })
  const url = await api.url()
  await worker.says(/the worker runs/)
  await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, 'it is ready')
  await work(url)
  expect(await Promise.all([api.kill('SIGTERM'), worker.kill('SIGTERM')])).toEqual([0, 0])
}

interface Caller {
  traceId: string
  spanId: string
  traceparent: string
}

function caller(flags = '01'): Caller {
  const traceId = randomBytes(16).toString('hex')
  const spanId = randomBytes(8).toString('hex')
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` }
}

async function call(url: string, method: string, path: string, body: object, { traceparent }: Caller) {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', traceparent },
    body: JSON.stringify(body),
  })
  const position = answer.headers.get('holdfast-position')
  return { status: answer.status, position, body: (await answer.json()) as { id: string } }
}

/** Reserves one unit for a customer, and pays for it. */
async function buy(url: string, reserving: Caller, paying: Caller) {
  await call(url, 'PUT', '/v1/stock/CUP', { onHand: 1000 }, caller('00'))
  const cart = { customerId: 'customer-secret', lines: [{ sku: 'CUP', quantity: 1 }] }
  const held = await call(url, 'POST', '/v1/reservations', cart, reserving)
  expect(held.status).toBe(201)
  const path = `/v1/reservations/${held.body.id}/confirm`
  const paid = await call(url, 'POST', path, { paymentRef: 'payment-secret' }, paying)
  expect(paid.status).toBe(200)
  return { held, paid }
}

const otlp = {
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '100',
}

describe('with the variables of OpenTelemetry', () => {
  test("a reservation and its payment are traced, in the caller's traces, up to the write to MySQL", async () => {
    const [reserving, paying, unsampled] = [caller(), caller(), caller('00')]
    await running(otlp, async (url) => {
      const { held, paid } = await buy(url, reserving, paying)
      await buy(url, unsampled, unsampled)
      await eventually(() => receiver.spansOf(paying.traceId).length === 4, 'the payment is traced')
      await eventually(() => receiver.spansOf(reserving.traceId).length === 3, 'the hold is traced')

      const ofHold = receiver.spansOf(reserving.traceId)
      const [hold, reserve, heldWrite] = ofHold as [ReceivedSpan, ReceivedSpan, ReceivedSpan]
      expect(ofHold.map(({ name, service }) => `${service}: ${name}`)).toEqual([
        'holdfast-api: POST /v1/reservations',
        'holdfast-api: reserve.lua',
        'holdfast-worker: write the ledger',
      ])
      // OTLP's numbers: 2 is a server, 3 a client.
      expect(ofHold.map(({ kind }) => kind)).toEqual([2, 3, 3])
      expect(hold.parentSpanId).toBe(reserving.spanId)
      expect(reserve.parentSpanId).toBe(hold.spanId)
      expect(heldWrite.parentSpanId).toBe(reserve.spanId)
      for (const span of ofHold) {
        expect(attributeOf(span, 'holdfast.position'), span.name).toBe(held.position)
        expect(attributeOf(span, 'holdfast.store'), span.name).toBe(store.name)
        expect(BigInt(span.endTimeUnixNano) > BigInt(span.startTimeUnixNano), span.name).toBe(true)
      }
      expect(attributeOf(hold, 'http.response.status_code')).toBe('201')
      expect(attributeOf(hold, 'http.route')).toBe('/v1/reservations')
      expect(BigInt(reserve.endTimeUnixNano) <= BigInt(hold.endTimeUnixNano)).toBe(true)

      const ofPayment = receiver.spansOf(paying.traceId)
      const named = (name: string) => ofPayment.find((span) => span.name === name) as ReceivedSpan
      const payment = named('POST /v1/reservations/:id/confirm')
      expect(payment.parentSpanId).toBe(paying.spanId)
      expect(named('confirm.lua').parentSpanId).toBe(payment.spanId)
      expect(named('wait for MySQL').parentSpanId).toBe(payment.spanId)
      expect(named('write the ledger').parentSpanId).toBe(named('confirm.lua').spanId)
      expect(attributeOf(named('write the ledger'), 'holdfast.position')).toBe(paid.position)
    })
    expect(receiver.spansOf(unsampled.traceId)).toEqual([])
    expect(new Set(receiver.requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']))
    for (const { body } of receiver.requests) expect(body.toString()).not.toMatch(/secret|CUP/)
  })

  test('spans go as Protocol Buffers by default, under the name that is set, and the last ones at the end', async () => {
    receiver.requests.length = 0
    const [reserving, paying] = [caller(), caller()]
    const variables = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
      OTEL_SERVICE_NAME: 'shop-stock',
    }
    await running(variables, async (url) => {
      await buy(url, reserving, paying)
    })
    const sent = Buffer.concat(receiver.requests.map(({ body }) => body))
    expect(new Set(receiver.requests.map(({ type }) => type))).toEqual(new Set(['application/x-protobuf']))
    for (const { traceId } of [reserving, paying]) {
      expect(sent.includes(Buffer.from(traceId, 'hex')), traceId).toBe(true)
    }
    expect(sent.includes('shop-stock')).toBe(true)
  })

  test.for([
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER must be otlp or none, not "zipkin".\n'],
    [
      { ...otlp, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json, not "grpc".\n',
    ],
  ] as const)('what is not built in is refused at the start: %o', async ([variables, sentence]) => {
    const api = new HoldfastCommand(['api'], { ...settings, ...variables })
    expect(await api.ended).toBe(2)
    expect(api.stderr).toBe(sentence)
  })
})

test('OpenTelemetry is loaded by one module, and that one only when it is asked for', async () => {
  const importers: string[] = []
  for (const file of await readdir(source, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    const text = await readFile(join(source, file), 'utf8')
    if (/from '@opentelemetry\/|from '.*otlp-tracing\.js'/.test(text)) importers.push(file)
  }
  expect(importers).toEqual(['tracing/otlp-tracing.ts'])
})

test.for([{}, { ...otlp, OTEL_SDK_DISABLED: 'true' }, { ...otlp, OTEL_TRACES_EXPORTER: 'none' }])(
  'nothing is sent with %o',
  async (variables) => {
    receiver.requests.length = 0
    await running(variables as Record<string, string>, async (url) => {
      await buy(url, caller(), caller())
    })
    expect(receiver.requests).toEqual([])
  },
)
