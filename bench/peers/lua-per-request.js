import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { newReservation } from './reservation.js'

const source = `
for i = 2, #KEYS do
  local available = tonumber(redis.call('GET', KEYS[i]) or '0')
  if available < tonumber(ARGV[i]) then
    return { KEYS[i], available }
  end
end
for i = 2, #KEYS do
  redis.call('DECRBY', KEYS[i], ARGV[i])
end
redis.call('SET', KEYS[1], ARGV[1])
return false`

/** A script for each request, and a delayed job for each hold that would give it back. */
export async function open({ redisUrl }) {
  const redis = new Redis(redisUrl)
  const queue = new Queue('expiry', {
    connection: new Redis(redisUrl, { maxRetriesPerRequest: null }),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  })
  const sha1 = await redis.script('LOAD', source)
  const stockKey = (sku) => `stock:${sku}`

  const reserve = async (request) => {
    const reservation = newReservation(request)
    const { id, lines } = reservation
    const keys = [`reservation:${id}`, ...lines.map(({ sku }) => stockKey(sku))]
    const args = [JSON.stringify(reservation), ...lines.map(({ quantity }) => quantity)]
    const short = await redis.evalsha(sha1, keys.length, ...keys, ...args)
    if (short) {
      const line = lines.find(({ sku }) => stockKey(sku) === short[0])
      return [{ sku: line.sku, requested: line.quantity, available: Number(short[1]) }]
    }
    await queue.add('expire', { id }, { jobId: id, delay: (request.ttlSeconds ?? 900) * 1000 })
    return reservation
  }

  return {
    reserve,
    available: async (sku) => Number(await redis.get(stockKey(sku))),
    setStock: async (sku, units) => {
      await redis.set(stockKey(sku), units)
    },
    close: async () => {
      await queue.close()
      redis.disconnect()
    },
  }
}
