import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.js'
import { isRefusal } from '../../src/domain/outcomes.js'
import type { Reservation } from '../../src/domain/reservation.js'
import { connectRedis } from '../../src/stock/connection.js'
import { type GateLimits, StockGate } from '../../src/stock/gate.js'
import { type StoreKeys, storeKeys } from '../../src/stock/keys.js'
import { StoreFence } from '../../src/stock/store-fence.js'
import { BrokenScriptError } from '../../src/stock/store-scripts.js'
import { LossyProxy } from '../support/lossy-proxy.js'
import { openPrivateRedis } from '../support/private-redis.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually } from '../support/test-store.js'

const limits: GateLimits = readConfig({})

const { url } = await openPrivateRedis()
const proxy = await LossyProxy.open(url)
const admin = new Redis(url)
const connections: Redis[] = []
let nextStore = 0

beforeEach(async () => {
  await admin.config('SET', 'maxmemory', '0')
  await admin.client('UNPAUSE')
})

afterAll(() => {
  for (const connection of [admin, ...connections]) connection.disconnect()
})

async function connectTo(target: string, commandTimeoutMs = 5000): Promise<Redis> {
  const redis = await connectRedis(target, { connectTimeoutMs: 5000, commandTimeoutMs })
  connections.push(redis)
  return redis
}

/** A gate on a new store with ten cups. */
async function openGate(
  options: { redis?: Redis; limits?: Partial<GateLimits> } = {},
): Promise<{ gate: StockGate; keys: StoreKeys }> {
  const redis = options.redis ?? (await connectTo(url))
  const gate = new StockGate(redis, `gate-${nextStore++}`, { ...limits, ...options.limits })
  const fence = new StoreFence(redis, gate.store)
  const lastOpened = { server: '', generation: 0 }
  const owner = { server: await fence.server(), generation: 0, lastOpened }
  expect(await fence.verify(owner, { epoch: 0, sequence: 0 }, 'open')).toBe('verified')
  await gate.setStock('cup', 10)
  return { gate, keys: storeKeys(gate.store) }
}

const cart = (quantity: number) => ({
  customerId: 'customer-1',
  orderId: undefined,
  ttlSeconds: 900,
  lines: [{ sku: 'cup', quantity }],
})

async function hold(gate: StockGate, key?: string): Promise<Reservation> {
  const result = await gate.reserve(cart(1), key)
  if (isRefusal(result)) throw new Error(`refused: ${result.refused}`)
  return result.reservation
}

/** How often Redis ran a command since `CONFIG RESETSTAT`. */
async function timesRun(command: string): Promise<number> {
  const stats = await admin.info('commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
}

describe('the gate', () => {
  test('sends the calls of one turn as one step for each kind of call', async () => {
    const { gate } = await openGate()
    const reservations = await Promise.all(Array.from({ length: 6 }, () => hold(gate)))
    const [a, b, c, d, e, f] = reservations.map(({ id }) => id) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    await admin.config('RESETSTAT')
    await Promise.all([
      ...Array.from({ length: 20 }, () => gate.reserve(cart(1), undefined)),
      ...[gate.confirm(a, undefined, 'refuse'), gate.confirm(b, undefined, 'refuse')],
      ...[gate.release(c), gate.release(d), gate.extend(e, 1000), gate.extend(f, 1000)],
    ])
    expect(await timesRun('evalsha')).toBe(4)
    expect((await gate.setStock('cup', 50)) as object).toMatchObject({ stock: { sold: 2 } })
  })

  test('splits a turn at the bounds of a step', async () => {
    const { gate } = await openGate({ limits: { batchCallsMax: 4, batchesInFlightMax: 9 } })
    await hold(gate)
    await admin.config('RESETSTAT')
    const results = await Promise.all(Array.from({ length: 10 }, () => gate.reserve(cart(1), undefined)))
    expect(await timesRun('evalsha')).toBe(3)
    const position = { epoch: 1, sequence: 11 }
    expect(results.filter(isRefusal)).toEqual([
      { refused: 'insufficient-stock', position, lines: [{ sku: 'cup', requested: 1, available: 0 }] },
    ])
  })

  test('refuses the calls that would wait beyond the bound, and serves the rest', async () => {
    const { gate } = await openGate({ limits: { callsWaitingMax: 3 } })
    const ids = await Promise.all([hold(gate), hold(gate), hold(gate)])
    const outcomes = async (calls: Promise<object>[]) =>
      (await Promise.all(calls)).map((result) => ('refused' in result ? result.refused : 'done'))
    const expected = ['done', 'done', 'done', 'overloaded', 'overloaded']
    expect(await outcomes(Array.from({ length: 5 }, () => gate.reserve(cart(1), undefined)))).toEqual(
      expected,
    )
    const five = [...ids, ...ids].slice(0, 5).map(({ id }) => id)
    expect(await outcomes(five.map((id) => gate.extend(id, 1000)))).toEqual(expected)
    expect(await outcomes(five.map((id) => gate.confirm(id, undefined, 'refuse')))).toEqual(expected)
    expect(await outcomes(five.map((id) => gate.release(id)))).toEqual([
      ...['reservation-confirmed', 'reservation-confirmed', 'reservation-confirmed'],
      ...['overloaded', 'overloaded'],
    ])
  })

  test('never shows that Redis forgot its scripts', async () => {
    const { gate } = await openGate()
    await gate.setStock('cup', 1_000)
    let flushing = true
    const flushes = (async () => {
      let count = 0
      for (; flushing; count++) await admin.script('FLUSH', 'SYNC')
      return count
    })()
    let reserved = 0
    for (let round = 0; round < 40; round++) {
      const results = await Promise.all([
        ...Array.from({ length: 10 }, () => gate.reserve(cart(1), undefined)),
        gate.adjustStock('cup', 1, undefined, undefined),
        gate.expire(10),
      ])
      expect(results.filter(isRefusal)).toEqual([])
      reserved += 10
    }
    flushing = false
    expect(await flushes).toBeGreaterThan(40)
    expect(await gate.setStock('cup', 2_000)).toMatchObject({ stock: { held: reserved } })
  })

  test('answers every call of a batch on a fenced server with store-fenced', async () => {
    const { gate, keys } = await openGate()
    await admin.hset(keys.position, 'verified', 'another-server')
    const fenced = { refused: 'store-fenced' }
    const results = await Promise.all([
      gate.reserve(cart(1), undefined),
      gate.reserve(cart(1), undefined),
      gate.confirm('r', undefined, 'refuse'),
      gate.release('r'),
      gate.extend('r', 60),
      gate.setStock('cup', 1),
      gate.adjustStock('cup', 1, undefined, undefined),
      gate.expire(10),
      gate.forget({ epoch: 1, sequence: 1 }, 10),
    ])
    expect(results).toEqual(results.map(() => fenced))
  })

  test('says that memory is full to holds, and still confirms', async () => {
    const { gate } = await openGate()
    const { id } = await hold(gate)
    await admin.config('SET', 'maxmemory', '1mb')
    const before = await dumpStore(admin, gate.store)
    expect(await gate.reserve(cart(1), 'k')).toEqual({ refused: 'memory-full' })
    expect(await dumpStore(admin, gate.store)).toEqual(before)
    expect(await gate.confirm(id, undefined, 'refuse')).toMatchObject({ reservation: { state: 'confirmed' } })
  })

  test('fails loudly when what Redis holds breaks an invariant', async () => {
    const { gate, keys } = await openGate()
    await admin.hset(keys.stock, 'cup', '-1 0 0')
    await expect(gate.reserve(cart(1), undefined)).rejects.toBeInstanceOf(BrokenScriptError)
    await expect(gate.setStock('cup', 5)).rejects.toBeInstanceOf(BrokenScriptError)
  })

  test('gives ids that sort by the time they were made', async () => {
    const { gate } = await openGate()
    const first = await hold(gate)
    await eventually(() => Date.now() > first.createdAtMs + 5, 'the clock has moved on')
    const second = await hold(gate)
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(first.id < second.id).toBe(true)
  })
})

describe('when the connection to Redis is lost', () => {
  test('a command that did not arrive is not sent again, and later calls work', async () => {
    const redis = await connectTo(url)
    const { gate } = await openGate({ redis })
    const before = await dumpStore(admin, gate.store)
    const clientId = await redis.client('ID')
    await admin.config('RESETSTAT')
    await admin.client('PAUSE', 60_000, 'WRITE')
    const call = gate.reserve(cart(1), 'k')
    await eventually(
      async () => /^blocked_clients:1/m.test(await admin.info('clients')),
      'the call waits in Redis',
    )
    await admin.call('CLIENT', 'KILL', 'ID', String(clientId))
    expect(await call).toEqual({ refused: 'redis-unavailable' })
    await admin.client('UNPAUSE')
    await eventually(() => redis.status === 'ready', 'the client has reconnected')
    expect(await gate.expire(1)).toMatchObject({ expired: 0 })
    await admin.config('RESETSTAT')
    expect(await timesRun('evalsha')).toBe(0)
    expect(await dumpStore(admin, gate.store)).toEqual(before)
    expect(await gate.reserve(cart(1), 'k')).toMatchObject({ replayed: false })
    expect(await timesRun('evalsha')).toBe(1)
  })

  test('a command whose answer was lost has one effect, also when the caller repeats it', async () => {
    const redis = await connectTo(proxy.url)
    const { gate, keys } = await openGate({ redis })
    await hold(gate)
    await admin.config('RESETSTAT')
    proxy.loseReplyTo('key-of-the-lost-reply')
    expect(await gate.reserve(cart(2), 'key-of-the-lost-reply')).toEqual({ refused: 'redis-unavailable' })
    await eventually(() => redis.status === 'ready', 'the client has reconnected')
    expect(await timesRun('evalsha')).toBe(1)
    expect(await admin.hget(keys.stock, 'cup')).toBe('7 3 0')
    expect(await gate.reserve(cart(2), 'key-of-the-lost-reply')).toMatchObject({ replayed: true })
    expect(await admin.hget(keys.stock, 'cup')).toBe('7 3 0')
  })

  test('calls are refused at once while there is none', async () => {
    const redis = await connectTo(proxy.url)
    const { gate } = await openGate({ redis })
    redis.disconnect()
    await eventually(() => redis.status === 'end', 'the client is disconnected')
    expect(await gate.reserve(cart(1), undefined)).toEqual({ refused: 'redis-unavailable' })
    expect(await gate.setStock('cup', 1)).toEqual({ refused: 'redis-unavailable' })
    expect(await gate.expire(1)).toEqual({ refused: 'redis-unavailable' })
    expect(await gate.forget({ epoch: 1, sequence: 1 }, 1)).toEqual({ refused: 'redis-unavailable' })
  })

  test('a Redis that does not answer in time is one that is away', async () => {
    const redis = await connectTo(url, 200)
    const { gate } = await openGate({ redis })
    await admin.client('PAUSE', 60_000, 'WRITE')
    expect(await gate.reserve(cart(1), undefined)).toEqual({ refused: 'redis-unavailable' })
    expect(await gate.expire(1)).toEqual({ refused: 'redis-unavailable' })
  })
})
