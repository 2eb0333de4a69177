import { Redlock } from '@sesamecare-oss/redlock'
import { Redis } from 'ioredis'
import { newReservation, sorted } from './reservation.js'

const lockMs = 5000
/** Its standard pause of 200 ms would leave the lock idle most of the time. */
const patience = { retryDelay: 5, retryJitter: 5, retryCount: 5000 }

/** A lock for each SKU around read, compare and write. */
export async function open({ redisUrl }) {
  const redis = new Redis(redisUrl)
  const redlock = new Redlock([redis], patience)
  redlock.on('error', () => {})
  const stockKey = (sku) => `stock:${sku}`

  const reserve = async (request) => {
    const lines = sorted(request.lines)
    const lock = await redlock.acquire(
      lines.map(({ sku }) => `lock:${sku}`),
      lockMs,
    )
    try {
      const counts = await Promise.all(lines.map(({ sku }) => redis.get(stockKey(sku)).then(Number)))
      const short = lines.flatMap(({ sku, quantity }, i) =>
        counts[i] < quantity ? [{ sku, requested: quantity, available: counts[i] }] : [],
      )
      if (short.length > 0) return short
      const reservation = newReservation(request)
      const write = redis.multi().set(`reservation:${reservation.id}`, JSON.stringify(reservation))
      for (const [i, { sku, quantity }] of lines.entries()) write.set(stockKey(sku), counts[i] - quantity)
      await write.exec()
      return reservation
    } finally {
      await lock.release()
    }
  }

  return {
    reserve,
    available: async (sku) => Number(await redis.get(stockKey(sku))),
    setStock: async (sku, units) => {
      await redis.set(stockKey(sku), units)
    },
    close: async () => redis.disconnect(),
  }
}
