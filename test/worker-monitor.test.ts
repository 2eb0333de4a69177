import { afterAll, describe, expect, test } from 'vitest'
import { startApi } from '../src/api.js'
import { anyFreePort } from '../src/embedded/port-choice.js'
import { openLog } from '../src/log.js'
import { openProcessMetrics } from '../src/metrics/process-metrics.js'
import { startWorker } from '../src/worker.js'
import { figure } from './support/exposition.js'
import { HttpClient } from './support/http-client.js'
import { eventually, openTestStore } from './support/test-store.js'

const store = await openTestStore()
const unreachable = 'mysql://nobody@127.0.0.1:1/none'

const running: { stop(): Promise<void> }[] = []
afterAll(async () => {
  for (const part of running.reverse()) await part.stop()
})

async function listening(overrides: object = {}) {
  const workerPort = await anyFreePort()
  const worker = await store.worker({ workerPort, ...overrides })
  const url = await worker.listen()
  expect(url).toBe(`http://127.0.0.1:${workerPort}`)
  const read = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${url}${path}`, init)
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      body: text.startsWith('{') && JSON.parse(text),
    }
  }
  return { worker, read }
}

describe('a worker that is given a port', () => {
  test('says that it lives and works, and answers nothing else', async () => {
    const { worker, read } = await listening()
    expect(await read('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } })
    await eventually(async () => (await read('/readyz')).body.stores[store.name].writes, 'it writes')
    expect(await read('/readyz')).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [], stores: { [store.name]: { open: true, writes: true } } },
    })
    const { headers } = await read('/metrics')
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    for (const [method, path] of [
      ['POST', '/v1/reservations'],
      ['GET', '/v1/stock'],
      ['POST', '/metrics'],
      ['GET', '/'],
    ] as const) {
      expect((await read(path, { method })).status, `${method} ${path}`).toBe(404)
    }
    await worker.stop()
    await expect(read('/healthz')).rejects.toThrow()
  })

  test('says why it persists nothing while MySQL is away', async () => {
    const { worker, read } = await listening({ databaseUrl: unreachable, connectTimeoutMs: 500 })
    await eventually(async () => {
      const { text } = await read('/metrics')
      return (figure(text, 'holdfast_ledger_write_failures_total') ?? 0) > 0
    }, 'it has tried')
    const { text } = await read('/metrics')
    expect(figure(text, 'holdfast_ledger_writer_failing')).toBe(1)
    expect(figure(text, 'holdfast_ready', { part: 'mysql' })).toBe(0)
    expect(figure(text, 'holdfast_ready', { part: 'redis' })).toBe(1)
    expect(figure(text, 'holdfast_part_degraded', { part: 'mysql', problem: 'unreachable' })).toBe(1)
    // What MySQL alone knows is not told, rather than told as 0.
    expect(figure(text, 'holdfast_drift_items')).toBeUndefined()
    const { status, body } = await read('/readyz')
    expect(status).toBe(503)
    expect(body.reasons).toContainEqual(expect.stringMatching(/is not being persisted/))
    await worker.stop()
  })
})

test('a worker that is given none does not listen', async () => {
  expect(await (await store.worker()).listen()).toBeUndefined()
})

test('a process with both tells the figures of both at the API, each once', async () => {
  const log = openLog('error', 'both')
  const metrics = openProcessMetrics('test')
  running.push(await startWorker(store.config, log, { metrics }))
  const api = await startApi(store.config, log, { metrics })
  running.push(api)
  const client = new HttpClient(api.app)
  await client.put('/v1/stock/cup', { onHand: 1 })
  await eventually(async () => {
    const { text } = await client.get('/metrics')
    return figure(text, 'holdfast_ledger_behind_entries') === 0
  }, 'the entry is persisted')
  const { text } = await client.get('/metrics')
  expect(figure(text, 'holdfast_http_requests_total', { route: '/v1/stock/:sku' })).toBe(1)
  expect(figure(text, 'holdfast_ledger_writer_active')).toBeDefined()
  const types = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name)
  expect(new Set(types).size).toBe(types.length)
})
