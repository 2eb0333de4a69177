import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Refusal, refusals } from '../../src/domain/outcomes.js'
import { HoldfastCommand, settingsOf } from '../support/holdfast-command.js'
import { HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const hold = JSON.stringify({ customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] })
const head = (length: number, ...more: string[]) =>
  [
    'POST /v1/reservations HTTP/1.1',
    'host: localhost',
    'content-type: application/json',
    `content-length: ${length}`,
    ...more,
    '',
    '',
  ].join('\r\n')

/** A client that minds no manners. */
class RawClient {
  received = ''
  readonly closed: Promise<unknown>
  private dripping = true

  private constructor(readonly socket: Socket) {
    socket.on('error', () => {})
    this.closed = once(socket, 'close')
    socket.setEncoding('latin1')
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  /** Reads what comes; without it nothing is read. */
  read(): this {
    this.socket.on('data', (text) => {
      this.received += text
    })
    return this
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Sends the text a byte at a time, and goes on from its beginning, until the connection is gone. */
  drip(text: string, intervalMs: number): this {
    const step = async () => {
      for (let i = 0; this.dripping && this.socket.writable; i++) {
        this.send(text[i % text.length] as string)
        await delay(intervalMs)
      }
    }
    void step()
    return this
  }

  end(): void {
    this.dripping = false
    this.socket.destroy()
  }
}

/** Asserts that the last thing received is this refusal, in the form of all others. */
function expectRawProblem(received: string, code: Refusal['refused']): void {
  const { status, title } = refusals[code]
  const [headers, body] = received.slice(received.lastIndexOf('HTTP/1.1 ')).split('\r\n\r\n') as [
    string,
    string,
  ]
  expect(headers).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(headers).toContain('content-type: application/problem+json')
  expect(headers).toContain('x-content-type-options: nosniff')
  expect(JSON.parse(body)).toMatchObject({ type: `urn:holdfast:${code}`, title, status })
}

describe('an API that gives a request half a second', () => {
  /** Of the request, of how often it is looked at, and of a busy machine. */
  const cutMsMax = 500 + 1000 + 5000
  let url: string
  let connections: () => Promise<number>
  let before: Record<string, unknown>

  beforeAll(async () => {
    const api = await store.api({ requestTimeoutMs: 500, idleTimeoutMs: 1000, connectionsMax: 20 })
    url = await api.listen()
    connections = () =>
      new Promise((resolve, reject) => {
        api.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      })
    const client = new HttpClient(api.app)
    for (let i = 0; i < 400; i++) await client.put(`/v1/stock/sku-${'x'.repeat(50)}-${i}`, { onHand: 1 })
    await client.put('/v1/stock/cup', { onHand: 100 })
    before = await dumpStore(store.redis, store.name)
  })

  afterEach(async () => {
    await eventually(async () => (await connections()) === 0, 'no connection is left')
    expect(await dumpStore(store.redis, store.name)).toEqual(before)
  })

  async function expectCut(client: RawClient): Promise<void> {
    const startedMs = performance.now()
    await client.closed
    expect(performance.now() - startedMs).toBeLessThan(cutMsMax)
  }

  test('answers 408 to who connects and says nothing', async () => {
    const client = (await RawClient.open(url)).read()
    await expectCut(client)
    expectRawProblem(client.received, 'request-timeout')
  })

  test('answers 408 to headers that come byte by byte', async () => {
    const client = (await RawClient.open(url)).read()
    client.send('GET /v1/stock HTTP/1.1\r\nhost: localhost\r\n').drip('x-slow: loris\r\n', 20)
    await expectCut(client)
    expectRawProblem(client.received, 'request-timeout')
  })

  test('answers 408 to a body that comes byte by byte', async () => {
    const client = (await RawClient.open(url)).read()
    // A byte each 20 ms: it would be whole when everything is long over.
    client.send(head(10_000)).drip(' ', 20)
    await expectCut(client)
    expectRawProblem(client.received, 'request-timeout')
  })

  test('cuts off a body that goes on slowly after the call was refused', async () => {
    const client = (await RawClient.open(url)).read()
    client.send(head(60_000, 'holdfast-store: no-such')).drip(' ', 20)
    await expectCut(client)
    expect(client.received).toMatch(/^HTTP\/1\.1 404 /)
  })

  test('cuts off a reader that does not read', async () => {
    const client = await RawClient.open(url)
    // Some 30 MB of answers: more than the buffers of both ends take.
    client.send('GET /v1/stock?limit=500 HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(400))
    // It takes a busy machine some time to make so much.
    await eventually(async () => (await connections()) === 0, 'it is cut off', 3 * 500 + 3 * cutMsMax)
    client.end()
  })

  test('cuts off a peer that is gone without a word', async () => {
    const proxy = await TcpProxy.open(url)
    const client = (await RawClient.open(proxy.url)).read()
    client.send('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(() => client.received.includes('alive'), 'it is answered')
    proxy.silence()
    client.send('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await eventually(async () => (await connections()) === 0, 'it is cut off', 1000 + cutMsMax)
    client.end()
    await proxy.unplug()
  })

  test('hangs up on a half-closed connection whose request is not whole', async () => {
    const client = (await RawClient.open(url)).read()
    client.send(head(hold.length) + hold.slice(0, 10))
    client.socket.end()
    await expectCut(client)
    expectRawProblem(client.received, 'invalid-request')
  })

  test('closes an idle connection, and serves one that was idle for less', async () => {
    const client = (await RawClient.open(url)).read()
    const ask = async (times: number) => {
      client.send('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await eventually(() => client.received.split('"alive"').length === times + 1, 'it is answered')
    }
    await ask(1)
    await delay(300)
    await ask(2)
    await client.closed
    expect(client.received.match(/HTTP\/1\.1 /g)).toHaveLength(2)
  })

  test('answers 431 to headers above 16 KiB, and 400 to what is no HTTP', async () => {
    const large = (await RawClient.open(url)).read()
    large.send(head(2, `x-large: ${'x'.repeat(16_400)}`))
    await large.closed
    expectRawProblem(large.received, 'headers-too-large')
    const other = (await RawClient.open(url)).read()
    other.send('\x16\x03\x01\x02\x00\x01\x00')
    await other.closed
    expectRawProblem(other.received, 'invalid-request')
  })

  test('answers 413 to a body that is said to be too large, without waiting for it', async () => {
    const client = (await RawClient.open(url)).read()
    client.send(head(10_000_000))
    await eventually(() => client.received.includes('urn:holdfast:body-too-large'), 'it is refused', 1000)
    await expectCut(client)
  })

  test('takes no more connections than it may, and new ones when some have gone', async () => {
    const clients: RawClient[] = []
    for (let i = 0; i < 20; i++) clients.push((await RawClient.open(url)).read())
    await eventually(async () => (await connections()) === 20, 'all are connected')
    const dropped = (await RawClient.open(url)).read()
    await dropped.closed
    expect(dropped.received).toBe('')
    for (const client of clients) client.end()
    await eventually(async () => (await connections()) === 0, 'they have gone')
    const { text } = await fetch(`${url}/metrics`, { headers: { connection: 'close' } }).then(
      async (response) => ({
        text: await response.text(),
      }),
    )
    expect(text).toContain('holdfast_connections_dropped_total 1\n')
  })
})

describe('5,000 idle connections and 200 slow senders', () => {
  /** Short, so that the two of a pair see the same machine; long enough for a 99th percentile. */
  const phaseMs = 500
  const pairs = 9
  /** Two instances of one service: all that tells them apart is who is connected to them. */
  interface Instance {
    url: string
    agent: Agent
  }
  let quiet: Instance
  let crowded: Instance
  const attached: RawClient[] = []

  beforeAll(async () => {
    ;[quiet, crowded] = (await Promise.all([startInstance(), startInstance()])) as [Instance, Instance]
    await fetch(`${quiet.url}/v1/stock/pen`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"onHand":1000000}',
    })
  })
  afterAll(() => {
    for (const instance of [quiet, crowded]) instance?.agent.destroy()
    for (const client of attached) client.end()
  })

  async function startInstance(): Promise<Instance> {
    const api = new HoldfastCommand(['api'], {
      ...settingsOf(store),
      // The machine may be busy with other tests.
      HOLDFAST_LOOP_LAG_MS_MAX: '0',
      HOLDFAST_REDIS_LAG_MS_MAX: '0',
      // Nobody is cut off while it is measured.
      HOLDFAST_REQUEST_TIMEOUT_MS: '120000',
      HOLDFAST_IDLE_TIMEOUT_MS: '120000',
    })
    return { url: await api.url(), agent: new Agent({ keepAlive: true, maxSockets: 8 }) }
  }

  const body = JSON.stringify({ customerId: 'c', lines: [{ sku: 'pen', quantity: 1 }] })

  function reserve({ url, agent }: Instance): Promise<number> {
    const sentMs = performance.now()
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const sending = request(`${url}/v1/reservations`, { agent, method: 'POST', headers }, (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 201) resolve(performance.now() - sentMs)
          else reject(new Error(`a healthy client was answered ${response.statusCode}`))
        })
      })
      sending.on('error', reject)
      sending.end(body)
    })
  }

  /** The 99th percentile of what healthy clients wait for, in ms. */
  async function healthyP99(instance: Instance): Promise<number> {
    const untilMs = performance.now() + phaseMs
    const took: number[] = []
    const work = async () => {
      while (performance.now() < untilMs || took.length < 100) took.push(await reserve(instance))
    }
    await Promise.all(Array.from({ length: 8 }, work))
    return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)] as number
  }

  async function attach(url: string): Promise<void> {
    for (let i = 0; i < 5000; i += 250) {
      const idle = await Promise.all(Array.from({ length: 250 }, () => RawClient.open(url)))
      for (const client of idle) client.read().send('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await eventually(() => idle.every(({ received }) => received.includes('alive')), 'they are answered')
      attached.push(...idle)
    }
    const slow = await Promise.all(Array.from({ length: 200 }, () => RawClient.open(url)))
    for (const [i, client] of slow.entries()) {
      client.read()
      if (i % 2 === 0) client.send('GET /v1/stock HTTP/1.1\r\n').drip('x-slow: loris\r\n', 1000)
      else client.send(head(60_000)).drip(' ', 1000)
    }
    attached.push(...slow)
  }

  async function detach(): Promise<void> {
    for (const client of attached) client.end()
    await Promise.all(attached.splice(0).map(({ closed }) => closed))
  }

  async function openFiles({ url }: Instance): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(/^process_open_fds (\d+)/m.exec(text)?.[1])
  }

  test('leave the 99th percentile of healthy clients within twice of what it is, and nothing behind', async () => {
    for (const instance of [quiet, crowded, quiet, crowded]) await healthyP99(instance)
    const filesBefore = await openFiles(crowded)
    await attach(crowded.url)
    const ratios: number[] = []
    for (let pair = 0; pair < pairs; pair++) {
      // Who is first takes turns, for the machine may become slower or faster meanwhile.
      const p99 = new Map<Instance, number>()
      for (const instance of pair % 2 === 0 ? [quiet, crowded] : [crowded, quiet]) {
        p99.set(instance, await healthyP99(instance))
      }
      const [without, having] = [p99.get(quiet) as number, p99.get(crowded) as number]
      console.log(`p99 without them ${without.toFixed(1)} ms, with them ${having.toFixed(1)} ms`)
      ratios.push(having / without)
    }
    expect(attached.filter(({ socket }) => socket.destroyed)).toEqual([])
    expect(await openFiles(crowded)).toBeGreaterThan(filesBefore + 5100)
    const median = ratios.sort((a, b) => a - b)[(pairs - 1) / 2] as number
    console.log(`median of ${pairs} ratios: ${median.toFixed(2)}`)
    expect(median).toBeLessThan(2)
    await detach()
    await eventually(async () => (await openFiles(crowded)) <= filesBefore + 5, 'no file of theirs is open')
  }, 120_000)
})
