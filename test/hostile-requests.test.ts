import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { formatPosition } from '../src/domain/position.js'
import { type Contract, readContract } from './hostile-requests/contract.js'
import { judge } from './hostile-requests/judge.js'
import { type RawAnswer, sendBytes } from './hostile-requests/raw-client.js'
import { type Batch, type GeneratedRequest, type Pool, requests } from './hostile-requests/requests.js'
import { dumpDatabase } from './support/database-dump.js'
import { HoldfastCommand, settingsOf } from './support/holdfast-command.js'
import { expectInvariants, watermark } from './support/invariants.js'
import { openPrivateRedis } from './support/private-redis.js'
import { seed, seedHint } from './support/seed.js'
import { dumpStore } from './support/store-dump.js'
import { eventually, openTestStore } from './support/test-store.js'

/** Each is compared with what was there before. */
const batches: Batch[] = [
  ...Array<Batch>(26).fill('spoilt and to be refused'),
  ...Array<Batch>(10).fill('spoilt'),
  ...Array<Batch>(8).fill('mostly as described'),
]
const batchSize = 250
const connectionsMax = 32
const faultsShown = 20

// A Redis of its own: a key that a refused request leaves anywhere on it is seen.
const redisServer = await openPrivateRedis({ maxmemory: '512mb' })
const store = await openTestStore({ redisUrl: redisServer.url })
const settings = {
  ...settingsOf(store),
  HOLDFAST_CONFIRM_WAIT_MS: '50',
  HOLDFAST_WRITER_LINGER_MS: '0',
  HOLDFAST_RECONCILE_SECONDS: '0',
}
let api: HoldfastCommand
let worker: HoldfastCommand
let url: string
let contract: Contract

beforeAll(async () => {
  api = new HoldfastCommand(['api'], settings)
  worker = new HoldfastCommand(['worker'], settings)
  url = await api.url()
  contract = await readContract(url)
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 'the API is ready')
})

async function call(method: string, path: string, body: object): Promise<{ id: string }> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer.ok, `${method} ${path}`).toBe(true)
  return (await answer.json()) as { id: string }
}

/** SKUs with much stock and with little, and reservations in every state that a call can bring about. */
async function furnish(): Promise<Pool> {
  const skus = ['cup', 'plate', '__proto__', 'constructor', 'last-one']
  for (const sku of skus)
    await call('PUT', `/v1/stock/${sku}`, { onHand: sku === 'last-one' ? 1 : 1_000_000 })
  const reservations: string[] = []
  for (let i = 0; i < 60; i++) {
    const lines = [{ sku: 'cup', quantity: 1 + (i % 3) }]
    const { id } = await call('POST', '/v1/reservations', { customerId: 'c', lines, ttlSeconds: 80_000 })
    reservations.push(id)
    if (i % 6 === 0) await call('POST', `/v1/reservations/${id}/confirm`, { paymentRef: 'p' })
    if (i % 6 === 1) await call('POST', `/v1/reservations/${id}/release`, {})
  }
  return { stores: [store.name], skus, reservations }
}

/** Everything that Redis and MySQL hold, once MySQL has all of the ledger. */
async function dump() {
  await eventually(async () => {
    const { epoch, sequence } = await watermark(store)
    const end = await store.redis.hmget(store.keys.position, 'epoch', 'sequence')
    return `${epoch} ${sequence}` === end.join(' ')
  }, 'MySQL holds the whole ledger')
  const redis = await dumpStore(store.redis, store.name)
  // A lease that is renewed, and what follows MySQL by itself: what it has is in the other half.
  for (const key of [store.keys.writer, store.keys.ledger, store.keys.watermark]) delete redis[key]
  const foreign = (await store.redis.keys('*')).filter((key) => !key.startsWith(`holdfast:{${store.name}}:`))
  return { redis, foreign, mysql: await dumpDatabase(store.database) }
}

interface Exchange {
  request: GeneratedRequest
  answers: RawAnswer[]
}

async function sendAll(batch: readonly GeneratedRequest[]): Promise<Exchange[]> {
  const port = Number(new URL(url).port)
  const waiting = batch.entries()
  const exchanges: Exchange[] = []
  const lane = async () => {
    for (const [, request] of waiting) {
      const answers = await sendBytes(port, request).catch((error: Error) => {
        throw new Error(`${error.message}\n${show(request)}`)
      })
      exchanges.push({ request, answers })
    }
  }
  await Promise.all(Array.from({ length: connectionsMax }, lane))
  return exchanges
}

function show({ bytes }: GeneratedRequest): string {
  return JSON.stringify(bytes.toString('latin1').slice(0, 600))
}

/** The answers that tell of a change. */
function accepted({ request, answers }: Exchange): RawAnswer[] {
  if (!request.line || ['GET', 'HEAD'].includes(request.line.method)) return []
  return answers.filter(({ status }) => status < 300)
}

/** The positions that they name. */
function acknowledged(exchanges: readonly Exchange[]): Set<string> {
  const answers = exchanges.flatMap(accepted)
  return new Set(answers.map(({ headers }) => headers.get('holdfast-position') ?? 'a report'))
}

/** The requests that were answered so. */
function tellers(exchanges: readonly Exchange[]): string[] {
  return exchanges.filter((exchange) => accepted(exchange).length > 0).map(({ request }) => show(request))
}

async function ledgerAfter(sequence: number) {
  const lines = await store.database.ledgerLine.findMany({ where: { sequence: { gt: sequence } } })
  return lines.map((line) => ({
    position: formatPosition({ epoch: line.epoch, sequence: Number(line.sequence) }),
    kind: line.kind,
  }))
}

describe(`${batches.length * batchSize} hostile requests (${seedHint})`, () => {
  test('get answers of the contract alone, and what was refused leaves no trace', {
    timeout: 180_000,
  }, async () => {
    console.log(seedHint)
    const pool = await furnish()
    let before = await dump()
    const kinds = new Map(batches.map((batch) => [batch, requests(contract, pool, batch)]))
    const statuses = new Map<number, number>()
    const faults: string[] = []
    let comparedWhole = 0
    for (const [number, batch] of batches.entries()) {
      const what = `${seedHint}, batch ${number}, ${batch}`
      const arbitrary = kinds.get(batch) as fc.Arbitrary<GeneratedRequest>
      const generated = fc.sample(arbitrary, { seed: seed + number, numRuns: batchSize })
      const position = (await watermark(store)).sequence
      const exchanges = await sendAll(generated)
      for (const { request, answers } of exchanges) {
        const fault = judge(contract, request, answers)
        if (fault) faults.push(`${what}: ${fault}, to ${show(request)}`)
        for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
      const after = await dump()
      const told = acknowledged(exchanges)
      const entries = await ledgerAfter(position)
      const untold = entries.filter(({ position, kind }) => kind !== 'expire' && !told.has(position))
      expect(untold, `${what}: entries that no answer tells of`).toEqual([])
      if (batch === 'spoilt and to be refused') expect(tellers(exchanges), what).toEqual([])
      if (told.size === 0 && entries.length === 0) {
        expect(after, `${what}, was refused and changed something`).toEqual(before)
        comparedWhole++
      }
      before = after
    }
    console.log(
      `answers by status: ${[...statuses]
        .sort(([a], [b]) => a - b)
        .map(([status, count]) => `${status}: ${count}`)
        .join(', ')}`,
    )
    console.log(`${comparedWhole} of ${batches.length} batches were refused as a whole`)
    expect(faults.slice(0, faultsShown), `${faults.length} faults`).toEqual([])
    expect(comparedWhole).toBeGreaterThan(batches.length / 2)
    expect(before.foreign).toEqual([])
    expect(Object.keys(before.redis).join()).not.toContain('SMUGGLED')
    expect(await store.redis.hexists(store.keys.stock, 'SMUGGLED')).toBe(0)
  })

  test('leave every process alive and ready, and no failure in the log', async () => {
    expect([api.hasEnded, worker.hasEnded]).toEqual([false, false])
    const readiness = await fetch(`${url}/readyz`)
    expect([readiness.status, ((await readiness.json()) as { reasons: string[] }).reasons]).toEqual([200, []])
    const failures = `${api.stdout}${api.stderr}${worker.stdout}${worker.stderr}`
      .split('\n')
      .filter((line) => /"level":(50|60)/.test(line))
    expect(failures).toEqual([])
  })

  test('leave every invariant whole', async () => {
    await expectInvariants(store)
  })
})
