import { randomUUID } from 'node:crypto'
import { readConfig } from '#product/config.js'
import { isRefusal } from '#product/domain/outcomes.js'
import { openExpiryQueue } from '#product/expiry/expiry-queue.js'
import { ExpiryScheduler } from '#product/expiry/expiry-scheduler.js'
import { connectRedis } from '#product/stock/connection.js'
import { StockGate } from '#product/stock/gate.js'
import type { Product } from '../servers/product.js'
import { skuName } from '../workloads.js'

/** Holds under way at once: a few batches of the gate, within what may wait. */
const windowCalls = 2000

/**
 * Makes many holds of one unit through the gate, which saves the time that HTTP would take, and has
 * the expirer woken for them as the route would.
 *
 * @param ttlSecondsAt how long a hold made now is to last.
 * @param skus are wanted in turn.
 */
export async function loadHolds(
  product: Product,
  count: number,
  ttlSecondsAt: (nowMs: number) => number,
  skus = 1,
): Promise<void> {
  const config = readConfig({})
  const redis = await connectRedis(product.redis.url, config)
  const gate = new StockGate(redis, 'main', config)
  const onLostJob = (error: unknown) => console.error('a delayed job was lost', error)
  const scheduler = new ExpiryScheduler(openExpiryQueue(redis, 'main'), config.expiryBucketMs, onLostJob)
  let next = 0
  const work = async () => {
    for (let i = next++; i < count; i = next++) {
      const ttlSeconds = ttlSecondsAt(Date.now())
      const lines = [{ sku: skuName('sku', i % skus), quantity: 1 }]
      const request = { customerId: `customer-${i}`, orderId: undefined, ttlSeconds, lines }
      const result = await gate.reserve(request, randomUUID())
      if (isRefusal(result)) throw new Error(`a hold was refused: ${result.refused}`)
      scheduler.schedule(result.reservation.createdAtMs, result.reservation.expiresAtMs)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(windowCalls, count) }, work))
    await scheduler.close()
  } finally {
    redis.disconnect()
  }
}
