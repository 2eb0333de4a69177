import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { busyFor } from '../support/busy-loop.js'
import { HoldfastCommand, settingsOf } from '../support/holdfast-command.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { eventually, openTestStore } from '../support/test-store.js'

const hold = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }

const redis = await openPrivateRedis()
const store = await openTestStore({ redisUrl: redis.url })

describe('a process whose event loop lags', () => {
  let client: HttpClient
  let id: string

  beforeAll(async () => {
    client = new HttpClient((await store.api({ loopLagMsMax: 200, confirmWaitMs: 0 })).app)
    const isSet = async () => (await client.put('/v1/stock/cup', { onHand: 100_000 })).status < 300
    await eventually(isSet, 'the stock is set')
    const isHeld = async () => {
      id = (await client.post('/v1/reservations', hold)).body.id
      return id !== undefined
    }
    await eventually(isHeld, 'a hold is made')
  })

  const lagBy = async (ms: number) => {
    for (let i = 0; i < 3; i++) await busyFor(ms + 100)
  }

  test('refuses new calls with 503, and none that settles a hold', async () => {
    await lagBy(400)
    for (const answer of [
      await client.post('/v1/reservations', hold),
      await client.get('/v1/stock/cup'),
      await client.put('/v1/stock/cup', { onHand: 1 }),
    ]) {
      expectProblem(answer, 'overloaded')
    }
    expect((await client.post(`/v1/reservations/${id}/extend`, { ttlSeconds: 1000 })).status).toBe(200)
    expect((await client.post(`/v1/reservations/${id}/confirm`)).status).toBe(202)
    const again = async () => (await client.post('/v1/reservations', hold)).status === 201
    await eventually(again, 'holds are taken again')
    const figures = (await client.get('/metrics')).text
    expect(Number(/^holdfast_calls_shed_total (\d+)$/m.exec(figures)?.[1])).toBeGreaterThanOrEqual(3)
  })

  test('refuses those too when it lags four times as much, but never its monitors', async () => {
    await lagBy(1200)
    const refused = await client.post(`/v1/reservations/${id}/confirm`)
    const monitors = ['/healthz', '/readyz', '/metrics', '/openapi.json'].map((path) => client.get(path))
    expectProblem(refused, 'overloaded')
    for (const answer of await Promise.all(monitors)) expect(answer.status).toBe(200)
    const again = async () => (await client.post(`/v1/reservations/${id}/confirm`)).status === 202
    await eventually(again, 'payments are taken again')
  })
})

describe('a process whose Redis is frozen while thousands of calls arrive', () => {
  interface Timed {
    key: string
    status: number
    code: string
    sentMs: number
    tookMs: number
  }

  const agent = new Agent({ keepAlive: true, maxSockets: 500 })
  let url: string

  beforeAll(async () => {
    const api = new HoldfastCommand(['api'], settingsOf(store))
    url = await api.url()
    return async () => {
      agent.destroy()
      await api.kill('SIGTERM')
    }
  })

  function reserve(key: string): Promise<Timed> {
    const sentMs = performance.now()
    return new Promise((resolve, reject) => {
      const sending = request(
        `${url}/v1/reservations`,
        { agent, method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': key } },
        async (response) => {
          let text = ''
          for await (const part of response.setEncoding('utf8')) text += part
          const status = response.statusCode ?? 0
          const code = String(JSON.parse(text).type ?? '').replace('urn:holdfast:', '')
          resolve({ key, status, code, sentMs, tookMs: performance.now() - sentMs })
        },
      )
      sending.on('error', reject)
      sending.end(JSON.stringify(hold))
    })
  }

  /** Each connection calls again when it was answered, until then. */
  async function crowd(connections: number, name: string, untilMs: number): Promise<Timed[]> {
    const answers: Timed[] = []
    const work = async (connection: number) => {
      for (let i = 0; performance.now() < untilMs; i++) {
        answers.push(await reserve(`${name}-${connection}-${i}`))
        // A client that was refused waits a little, though not as long as it was asked to.
        if (answers.at(-1)?.status === 503) await delay(20)
      }
    }
    await Promise.all(Array.from({ length: connections }, (_, i) => work(i)))
    return answers
  }

  async function residentMb(): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]) / 1024 / 1024
  }

  test('answers 503 at once, in bounded memory, and goes on by itself', async () => {
    const warm = await crowd(500, 'warm', performance.now() + 1500)
    expect(warm.some(({ status }) => status === 201)).toBe(true)
    const beforeMb = await residentMb()

    const frozenMs = performance.now()
    process.kill(redis.pid, 'SIGSTOP')
    let answers: Timed[]
    try {
      answers = await crowd(500, 'frozen', frozenMs + 4000)
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
    } finally {
      process.kill(redis.pid, 'SIGCONT')
    }
    expect(answers.length).toBeGreaterThan(1000)
    expect(answers.filter(({ status }) => status !== 503)).toEqual([])
    const shed = answers.filter(({ code }) => code === 'overloaded')
    // Those that Redis has, and no others, may take as long as an answer of Redis may.
    expect(answers.length - shed.length).toBeLessThanOrEqual(256)
    expect(Math.max(...shed.map(({ tookMs }) => tookMs))).toBeLessThan(3500)
    // Some had waited when Redis was found to lag.
    expect(shed.some(({ tookMs }) => tookMs > 500)).toBe(true)
    const later = shed.filter(({ sentMs }) => sentMs > frozenMs + 2500).map(({ tookMs }) => tookMs)
    expect(later.length).toBeGreaterThan(100)
    // An answer of Redis may take seconds; a busy machine adds some of its own.
    const quantile = (q: number) => later.sort((a, b) => a - b)[Math.floor(later.length * q)]
    expect(quantile(0.5)).toBeLessThan(1000)
    expect(quantile(0.99)).toBeLessThan(2500)
    expect((await residentMb()) - beforeMb).toBeLessThan(150)

    await eventually(
      async () => (await reserve(`after-${Date.now()}`)).status === 201,
      'it takes holds again',
      20_000,
    )
    const made = await store.redis.hmget(store.keys.keys, ...shed.map(({ key }) => key))
    expect(made.filter((id) => id !== null)).toEqual([])
  }, 60_000)
})
