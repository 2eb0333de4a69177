import type { Redis } from 'ioredis'
import { expect, inject, onTestFinished, test } from 'vitest'
import {
  type ConnectionLimits,
  connectBlockingRedis,
  connectRedis,
  connectSubscriber,
} from '../../src/stock/connection.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const limits = { connectTimeoutMs: 5000, commandTimeoutMs: 1500 }

/** A connection whose peer can vanish without a word, as after a router that lost its table. */
async function openThroughRouter(connect: (url: string, limits: ConnectionLimits) => Promise<Redis>) {
  const router = await TcpProxy.open(inject('redisUrl'))
  const redis = await connect(router.url, limits)
  onTestFinished(async () => {
    redis.disconnect()
    await router.unplug()
  })
  const loseTable = () => {
    router.silence()
    router.speak({ forgetLinks: true })
  }
  return { redis, loseTable }
}

function readyAgain(redis: Redis): Promise<void> {
  return new Promise((resolve) => redis.once('ready', () => resolve()))
}

test('a command connection whose peer vanished is replaced when an answer is overdue', async () => {
  const { redis, loseTable } = await openThroughRouter(connectRedis)
  loseTable()
  const ready = readyAgain(redis)
  await expect(redis.get('x')).rejects.toThrow()
  await ready
  expect(await redis.ping()).toBe('PONG')
})

test('a read that waits for entries fails when its peer vanished, and the next one works', async () => {
  const { redis, loseTable } = await openThroughRouter(connectBlockingRedis)
  const read = () => redis.xread('BLOCK', 500, 'STREAMS', 'no-such-stream', '0')
  expect(await read()).toBeNull()
  loseTable()
  await expect(read()).rejects.toThrow()
  expect(await read()).toBeNull()
})

test('a subscriber whose peer vanished is connected again', async () => {
  const { redis, loseTable } = await openThroughRouter(connectSubscriber)
  const publisher = await connectRedis(inject('redisUrl'), limits)
  onTestFinished(() => publisher.disconnect())
  redis.on('ready', () => redis.subscribe('connection-test').catch(() => {}))
  await redis.subscribe('connection-test')
  loseTable()
  await expect.poll(() => publisher.publish('connection-test', 'again'), { timeout: 10_000 }).toBe(1)
})

test('a quiet connection stays', async () => {
  const { redis } = await openThroughRouter(connectSubscriber)
  let closed = false
  redis.once('close', () => {
    closed = true
  })
  await redis.subscribe('connection-test')
  const blocking = await openThroughRouter(connectBlockingRedis)
  // Waits for longer than an answer may take.
  for (let i = 0; i < 4; i++) await blocking.redis.xread('BLOCK', 500, 'STREAMS', 'no-such-stream', '0')
  expect(closed).toBe(false)
})
