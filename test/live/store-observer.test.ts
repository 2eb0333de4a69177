import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoreServices } from '../../src/http/store-services.js'
import { StoreObserver } from '../../src/live/store-observer.js'
import { WatchedStock } from '../../src/live/watched-stock.js'
import { connectBlockingRedis } from '../../src/stock/connection.js'
import { Shopper } from '../support/shopper.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const proxy = await TcpProxy.open(store.config.redisUrl)
afterAll(() => proxy.unplug())

let services: StoreServices
let shopper: Shopper

beforeAll(async () => {
  const api = await store.api()
  services = api.stores.get(store.name) as StoreServices
  shopper = new Shopper(api.app)
  await store.worker({ writerLingerMs: 0 })
  await eventually(async () => (await shopper.readyz()).status === 200, 'the store is open')
  await shopper.set('CUP', 1000)
})

/** Sees the ledger through the proxy. */
function observe(stock: WatchedStock): StoreObserver {
  const sources = {
    ...services,
    redis: store.redis,
    // For as long as nothing arrives.
    connect: () => connectBlockingRedis(proxy.url, { ...store.config, commandTimeoutMs: 60_000 }),
    readiness: async () => ({}),
  }
  return new StoreObserver(sources, stock)
}

const hold = async () => (await shopper.reserve({ lines: [{ sku: 'CUP', quantity: 1 }] })).body.id
const heldIn = (stock: WatchedStock) => JSON.parse(stock.text('CUP') ?? '{}').held

test('what changed while its connection was lost is read again', async () => {
  const stock = new WatchedStock()
  stock.watch(['CUP'])
  const observer = observe(stock)
  await eventually(() => heldIn(stock) === 0, 'it has begun')
  const id = await hold()
  await eventually(() => heldIn(stock) === 1, 'the hold was seen')
  await proxy.unplug()
  await shopper.release(id)
  await proxy.plug()
  await eventually(() => heldIn(stock) === 0, 'the release is known')
  observer.stop()
})

test('what was trimmed before it could be read is counted by what MySQL holds', async () => {
  const stock = new WatchedStock()
  stock.watch(['CUP'])
  const observer = observe(stock)
  let takenMs = performance.now()
  const sums = { holds: 0, releases: 0 }
  const add = () => {
    const seconds = Math.max(1, Math.round((performance.now() - takenMs) / 1000))
    takenMs = performance.now()
    const { holds, releases } = observer.meter.takePerSecond()
    sums.holds += seconds * holds
    sums.releases += seconds * releases
    return sums
  }
  await eventually(() => stock.knows(['CUP']), 'it has begun')
  const released = await hold()
  await eventually(() => add().holds > 0.5, 'the first hold was seen')

  proxy.silence()
  for (let i = 0; i < 15; i++) await Promise.all(Array.from({ length: 10 }, hold))
  await shopper.release(released)
  await eventually(async () => (await store.redis.xlen(store.keys.ledger)) < 40, 'most of it was trimmed')
  proxy.speak()
  await eventually(() => {
    observer.look()
    return add().holds > 150.5
  }, 'all holds are counted')
  await eventually(() => add().releases > 0.5, 'the release is counted')
  observer.look()
  await eventually(() => heldIn(stock) === 150, 'the counts are right')
  expect(add().holds).toBeCloseTo(151, 0)
  expect(sums.releases).toBeCloseTo(1, 0)
  observer.stop()
})
