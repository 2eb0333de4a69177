import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { folderTest } from './embedded/folder-under-test.js'
import { type BriefStore, openBriefStore } from './support/brief-store.js'
import { HoldfastCommand, settingsOf } from './support/holdfast-command.js'
import { expectInvariants } from './support/invariants.js'
import { eventually } from './support/test-store.js'

vi.setConfig({ testTimeout: 120_000 })

interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields the contract names.
  body: any
}

/** @returns undefined when the call was not answered. */
async function post(url: string, path: string, body: object): Promise<Reply | undefined> {
  try {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: await response.json() }
  } catch {
    return undefined
  }
}

/** How long a customer thinks before the next order, in ms; without a pause they would take the machine from what starts. */
const thinkMs = 20
/** And one who was not answered. */
const retryMs = 50

/** Customers who reserve and pay for as long as they are let, and remember every answer they got. */
class Customers {
  readonly reserved = new Map<string, string[]>()
  readonly paid = new Map<string, boolean>()
  readonly statuses = new Set<number>()
  private done = false
  private readonly lanes: Promise<void>[]

  constructor(
    private readonly urls: () => readonly string[],
    count = 16,
  ) {
    this.lanes = Array.from({ length: count }, (_, i) => this.shop(i))
  }

  async stop(): Promise<void> {
    this.done = true
    await Promise.all(this.lanes)
  }

  private async shop(lane: number): Promise<void> {
    for (let turn = lane; !this.done; turn++) {
      const urls = this.urls()
      const url = urls[turn % urls.length] as string
      await delay(thinkMs)
      const lines = [{ sku: 'CUP', quantity: 1 + (turn % 3) }]
      const held = await this.call(url, '/v1/reservations', { customerId: `customer-${lane}`, lines })
      if (held?.status !== 201) continue
      this.reserved.set(held.body.id, held.body.lines)
      if (turn % 4 === 0) continue
      const paid = await this.call(url, `/v1/reservations/${held.body.id}/confirm`, { paymentRef: 'p' })
      if (paid && paid.status < 300) this.paid.set(held.body.id, paid.body.persisted)
    }
  }

  private async call(url: string, path: string, body: object): Promise<Reply | undefined> {
    const reply = await post(url, path, body)
    if (reply) this.statuses.add(reply.status)
    else await delay(retryMs)
    return reply
  }
}

/** Every answer that customers got is what Redis and MySQL hold. */
async function expectKept(store: BriefStore, customers: Customers): Promise<void> {
  const { redis, mysql } = await expectInvariants(store)
  for (const id of customers.reserved.keys()) {
    expect(redis.reservations.has(id), `${id} in Redis`).toBe(true)
    expect(mysql.reservations.has(id), `${id} in MySQL`).toBe(true)
  }
  for (const id of customers.paid.keys()) expect(mysql.reservations.get(id)?.state).toBe('confirmed')
  expect([...customers.statuses].filter((status) => ![200, 201, 202, 503].includes(status))).toEqual([])
}

describe('processes on given servers', () => {
  let store: BriefStore
  let settings: Record<string, string>

  beforeAll(async () => {
    store = await openBriefStore()
    settings = settingsOf(store)
    const migrated = new HoldfastCommand(['migrate'], settings)
    expect(await migrated.ended).toBe(0)
    expect(migrated.stdout).toBe('The tables are up to date.\n')
  })

  const startApi = async (more: Record<string, string> = {}) => {
    const api = new HoldfastCommand(['api'], { ...settings, ...more })
    const url = await api.url()
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 200, 'it is ready')
    return { api, url }
  }
  const startWorker = async () => {
    const worker = new HoldfastCommand(['worker'], settings)
    await worker.says(/the worker runs/)
    return worker
  }
  const stock = async (url: string, onHand: number) => {
    await fetch(`${url}/v1/stock/CUP`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ onHand }),
    })
  }

  test('told to stop under load finish what they have begun and end with status 0', async () => {
    const apis = await Promise.all([startApi(), startApi()])
    const workers = await Promise.all([startWorker(), startWorker()])
    await stock(apis[0].url, 1_000_000)
    const customers = new Customers(() => apis.map(({ url }) => url))
    await eventually(() => customers.paid.size > 300, 'customers buy')
    // One after the other, as a rolling update does; the load goes on all the while.
    expect(await (workers[0] as HoldfastCommand).kill('SIGTERM')).toBe(0)
    expect(await apis[0].api.kill('SIGTERM')).toBe(0)
    const before = customers.paid.size
    await eventually(() => customers.paid.size > before + 100, 'the others go on')
    const ended = Promise.all([apis[1].api.kill('SIGTERM'), (workers[1] as HoldfastCommand).kill('SIGTERM')])
    expect(await ended).toEqual([0, 0])
    await customers.stop()
    const last = await startWorker()
    await expectKept(store, customers)
    expect([...customers.paid.values()].filter((persisted) => persisted).length).toBeGreaterThan(100)
    expect(await last.kill('SIGTERM')).toBe(0)
  })

  test('told to stop answer a payment that still waits for MySQL', async () => {
    // No worker runs, so that the payment waits for as long as it may.
    const { api, url } = await startApi({ HOLDFAST_CONFIRM_WAIT_MS: '3000' })
    await stock(url, 1_000_000)
    const held = await post(url, '/v1/reservations', {
      customerId: 'c',
      lines: [{ sku: 'CUP', quantity: 1 }],
    })
    const id = held?.body.id
    const paying = post(url, `/v1/reservations/${id}/confirm`, { paymentRef: 'p' })
    await eventually(
      async () => ((await store.redis.hget(store.keys.reservations, id)) ?? '').startsWith('confirmed'),
      'the payment is under way',
    )
    const ended = api.kill('SIGTERM')
    expect(await paying).toMatchObject({ status: 202, body: { state: 'confirmed', persisted: false } })
    expect(await ended).toBe(0)
  })

  test('told to stop say so in /readyz and serve on for a while, so that balancers move', async () => {
    const { api, url } = await startApi({ HOLDFAST_DRAIN_MS: '3000' })
    await stock(url, 1_000_000)
    const ended = api.kill('SIGTERM')
    await eventually(async () => (await fetch(`${url}/readyz`)).status === 503, 'it says that it stops')
    const answer = await fetch(`${url}/v1/reservations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ customerId: 'c', lines: [{ sku: 'CUP', quantity: 1 }] }),
    })
    expect([answer.status, answer.headers.get('connection')]).toEqual([201, 'close'])
    expect(await ended).toBe(0)
  })

  // Killed they are in every run of the fault suite (test/faults), its short one too.
})

describe('everything in one process', () => {
  folderTest('says what to try, serves it, and finds its data at the next start', async ({ folder }) => {
    // What it says of a busy machine is not what is tried here.
    const settings = { HOLDFAST_DATA: join(folder, 'data'), PORT: '0', HOLDFAST_LOOP_LAG_MS_MAX: '0' }
    const first = new HoldfastCommand(['start'], settings)
    const url = await first.url()
    await first.says(/Ctrl-C/)
    const curls = first.stdout.split('\n').filter((line) => line.trim().startsWith('curl '))
    expect(curls).toHaveLength(3)
    const [reserve, confirm, look] = curls.map(fromCurl) as [CurlCall, CurlCall, CurlCall]
    const held = await run(reserve)
    expect(held).toMatchObject({ status: 201, body: { state: 'held' } })
    const paid = await run({ ...confirm, url: confirm.url.replace('/ID/', `/${held.body.id}/`) })
    expect(paid).toMatchObject({ status: 200, body: { state: 'confirmed', persisted: true } })
    const seen = await run(look)
    expect(seen).toMatchObject({ status: 200, body: { held: 0, sold: 2 } })
    expect(
      (await fetch(`${url}/readyz`).then((answer) => answer.json() as Promise<{ promises: unknown }>))
        .promises,
    ).toEqual({
      holdSurvivesRedisCrash: true,
      confirmSurvivesLossOfEitherStore: true,
    })
    expect(await first.kill('SIGINT')).toBe(0)
    await expectQuiet(first)

    const second = new HoldfastCommand(['start'], settings)
    const again = await second.url()
    const kept = await run({ ...look, url: look.url.replace(url, again) })
    expect(kept).toEqual(seen)
    expect((await run({ ...reserve, url: reserve.url.replace(url, again) })).status).toBe(200)
    expect(await second.kill('SIGTERM')).toBe(0)
  })

  folderTest('that is killed leaves data that the next start serves', async ({ folder }) => {
    const settings = { HOLDFAST_DATA: join(folder, 'data'), PORT: '0' }
    const first = new HoldfastCommand(['start'], settings)
    const url = await first.url()
    const lines = [{ sku: 'CONSOLE-5', quantity: 1 }]
    const held = await post(url, '/v1/reservations', { customerId: 'c', lines })
    expect(held?.status).toBe(201)
    expect(await first.kill('SIGKILL')).toBe('SIGKILL')
    const second = new HoldfastCommand(['start'], settings)
    const again = await second.url()
    const pay = () => post(again, `/v1/reservations/${held?.body.id}/confirm`, {})
    expect(await pay()).toMatchObject({ body: { state: 'confirmed' } })
    // The ledger writer of the killed one has its lease for another few seconds.
    await eventually(async () => (await pay())?.status === 200, 'MySQL holds the payment')
    expect(await second.kill('SIGINT')).toBe(0)
  })

  folderTest('takes the commands of administrators while it runs', async ({ folder }) => {
    const settings = { HOLDFAST_DATA: join(folder, 'data'), PORT: '0' }
    const start = new HoldfastCommand(['start'], settings)
    const url = await start.url()
    const statusOf = async (key?: string) =>
      (
        await fetch(`${url}/v1/stock`, {
          headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
        })
      ).status
    expect(await statusOf()).toBe(200)
    const command = async (...args: string[]) => {
      const ran = new HoldfastCommand(args, settings)
      expect(await ran.ended, ran.stderr).toBe(0)
      return ran.stdout
    }
    const key = (await command('keys', 'create', '--name', 'shop', '--scopes', 'stock:read')).trim()
    expect(key).toMatch(/^hf_shop_[0-9a-f]{64}$/)
    await eventually(async () => (await statusOf()) === 401, 'a key is asked for')
    expect(await statusOf(key)).toBe(200)
    expect(await command('keys', 'list')).toMatch(/^shop: opens all stores for stock:read; created /)
    expect(await command('quarantine', 'list')).toMatch(/nothing is quarantined/)
    expect(await command('reconcile')).toMatch(/No drift/)
    await command('keys', 'revoke', 'shop')
    await eventually(async () => (await statusOf(key)) === 401, 'the key is refused')
    expect(await start.kill('SIGINT')).toBe(0)

    const beyond = new HoldfastCommand(['start'], { ...settings, HOST: '0.0.0.0' })
    expect(await beyond.ended).toBe(2)
    expect(beyond.stderr).toMatch(/^HOST 0\.0\.0\.0 is beyond loopback and there is no valid API key: .*\n$/)
  })

  folderTest(
    'ends in one sentence when its port is taken, and leaves nothing running',
    async ({ folder }) => {
      const squatter = createServer().listen(0, '127.0.0.1')
      await once(squatter, 'listening')
      const { port } = squatter.address() as AddressInfo
      const start = new HoldfastCommand(['start'], {
        HOLDFAST_DATA: join(folder, 'data'),
        PORT: String(port),
      })
      expect(await start.ended).toBe(2)
      expect(start.stderr).toBe(`Port ${port} on 127.0.0.1 is in use; set PORT to another one.\n`)
      squatter.close()
    },
  )

  folderTest('ends in one sentence when another one has its data folder', async ({ folder }) => {
    const settings = { HOLDFAST_DATA: join(folder, 'data'), PORT: '0' }
    const first = new HoldfastCommand(['start'], settings)
    const url = await first.url()
    const second = new HoldfastCommand(['start'], settings)
    expect(await second.ended).toBe(2)
    expect(second.stderr).toMatch(/^The data folder \S+ is in use by another Holdfast \(process \d+\): .*\n$/)
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(await first.kill('SIGINT')).toBe(0)
  })

  folderTest('ends in one sentence when it cannot use its data folder', async ({ folder }) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const start = new HoldfastCommand(['start'], { HOLDFAST_DATA: join(file, 'data'), PORT: '0' })
    expect(await start.ended).toBe(2)
    expect(start.stderr).toBe(
      `The data folder ${join(file, 'data')} cannot be used: a part of the path is a file.\n`,
    )
  })
})

describe('a command that cannot be carried out ends with status 2 and one sentence', () => {
  const nowhere = {
    REDIS_URL: 'redis://127.0.0.1:1',
    DATABASE_URL: 'mysql://nobody@127.0.0.1:1/none',
    HOLDFAST_CONNECT_TIMEOUT_MS: '500',
  }

  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['a port that is no number', ['api'], { PORT: 'http' }, /^PORT must be a whole number/],
    [
      'one server without the other',
      ['start'],
      { REDIS_URL: 'redis://127.0.0.1' },
      /^REDIS_URL and DATABASE_URL/,
    ],
    [
      'a URL of another kind',
      ['api'],
      { ...nowhere, DATABASE_URL: 'postgres://a:secret@b/c' },
      /^DATABASE_URL must/,
    ],
    ['no servers for the API', ['api'], {}, /^holdfast api needs REDIS_URL and DATABASE_URL/],
    [
      'no servers for an administrator',
      ['keys', 'list'],
      { HOLDFAST_DATA: '/nonexistent' },
      /^holdfast keys needs REDIS_URL and DATABASE_URL to be set, or "holdfast start" to run/,
    ],
    ['no servers for the worker', ['worker'], {}, /^holdfast worker needs REDIS_URL and DATABASE_URL/],
    ['a Redis that is not there, to the API', ['api'], nowhere, /^Redis cannot be reached/],
    ['a Redis that is not there, to the worker', ['worker'], nowhere, /^Redis cannot be reached/],
    ['a MySQL that is not there', ['migrate'], nowhere, /^MySQL cannot be migrated: /],
    ['an argument it does not take', ['api', '--fast'], {}, /^holdfast api takes no arguments/],
  ])('%s', async (_what, args, settings, sentence) => {
    const command = new HoldfastCommand(args, settings)
    expect(await command.ended).toBe(2)
    expect(command.stderr).toMatch(sentence)
    expect(command.stderr.trimEnd()).not.toContain('\n')
    expect(command.stderr).not.toContain('secret')
    expect(command.stdout).toBe('')
  })

  test('a port that is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as AddressInfo
    const store = await openBriefStore()
    const command = new HoldfastCommand(['api'], {
      ...settingsOf(store),
      PORT: String(port),
      LOG_LEVEL: 'error',
    })
    expect(await command.ended).toBe(2)
    expect(command.stderr).toBe(`Port ${port} on 127.0.0.1 is in use; set PORT to another one.\n`)
    squatter.close()
  })

  test.each([
    [['--help'], 'Usage: holdfast COMMAND\n'],
    [['api', '--help'], 'Usage: holdfast api\n'],
    [['restore', '--yes', '-h'], 'Usage: holdfast restore [--yes] [--store NAME]\n'],
  ])('help is told and nothing is done: %j', async (args, beginning) => {
    const command = new HoldfastCommand(args)
    expect(await command.ended).toBe(0)
    expect(command.stdout).toContain(beginning)
    expect(command.stderr).toBe('')
  })

  test.each([[['frobnicate']], [[]]])(
    'an unknown command, with the list of those there are: %j',
    async (args) => {
      const command = new HoldfastCommand(args)
      expect(await command.ended).toBe(2)
      expect(command.stderr).toMatch(/Usage: holdfast COMMAND/)
      for (const name of args) expect(command.stderr).toMatch(`There is no command "${name}".`)
      for (const name of ['start', 'api', 'worker', 'migrate']) expect(command.stderr).toContain(name)
      expect(command.stdout).toBe('')
    },
  )
})

interface CurlCall {
  url: string
  method: string
  headers: Record<string, string>
  data: string | undefined
}

/** Reads a printed line as a shell and curl would, as far as it uses them. */
function fromCurl(line: string): CurlCall {
  const words = [...line.trim().matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? (match[2] as string))
  const call: CurlCall = { url: '', method: 'GET', headers: {}, data: undefined }
  for (let i = 1; i < words.length; i++) {
    const word = words[i] as string
    if (word === '-s') continue
    if (word === '-X') call.method = words[++i] as string
    else if (word === '-H') {
      const [name = '', value = ''] = (words[++i] as string).split(': ')
      call.headers[name] = value
    } else if (word === '-d') {
      call.data = words[++i]
      call.method = 'POST'
    } else if (word.startsWith('http')) call.url = word
    else throw new Error(`${word} is not understood in: ${line}`)
  }
  return call
}

async function run({ url, method, headers, data }: CurlCall): Promise<Reply> {
  const response = await fetch(url, { method, headers, ...(data !== undefined && { body: data }) })
  return { status: response.status, body: await response.json() }
}

/** An ordinary run has nothing to complain about. */
async function expectQuiet(command: HoldfastCommand): Promise<void> {
  expect(command.stderr).toBe('')
}
