import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { readConfig } from '#product/config.js'
import { formatRequest } from '#product/domain/reservation.js'
import { readRunId } from '#product/stock/connection.js'
import { includeParts } from '#product/stock/scripts.js'
import { TurnBatcher } from '#product/stock/turn-batcher.js'
import { answerOf, type Reserve } from '../servers/reserve-app.js'
import type { Reserver } from '../servers/reserver.js'

const source = includeParts(readFileSync(new URL('../../limits/bare-script.lua', import.meta.url), 'utf8'))
const positionKey = 'bare-script:{main}:position'
const stockKey = 'bare-script:{main}:stock'
const reservationsKey = 'bare-script:{main}:reservations'

type Call = readonly [id: string, request: string]

/** The product's batching in front of the reserve script without ledger, deadline and key. */
export async function openBareScript(servers: { redisUrl: string }): Promise<Reserver> {
  const redis = new Redis(servers.redisUrl)
  const server = await readRunId(redis)
  await redis.hset(positionKey, { epoch: 1, sequence: 0, verified: server })
  const sha1 = (await redis.script('LOAD', source)) as string
  const keys = [positionKey, stockKey, reservationsKey]
  const limits = readConfig({})
  const run = async (calls: Call[]) => {
    const replies = (await redis.evalsha(sha1, keys.length, ...keys, server, ...calls.flat())) as string[]
    return replies.slice(1)
  }
  const batcher = new TurnBatcher<Call, string>(run, {
    callsMax: limits.batchCallsMax,
    weightMax: limits.batchLinesMax,
    inFlightMax: limits.batchesInFlightMax,
    waitingMax: limits.callsWaitingMax,
  })
  const reserve: Reserve = async (request) => {
    const { customerId, orderId, ttlSeconds = limits.ttlSecondsDefault, lines } = request
    const id = randomUUID()
    const reply = await batcher.add([id, formatRequest({ customerId, orderId, ttlSeconds, lines })], 1)
    if (reply === 'reserved') return answerOf(id, request, Date.now())
    return lines
      .slice(0, 1)
      .map(({ sku, quantity }) => ({ sku, requested: quantity, available: Number(reply) }))
  }
  return {
    reserve,
    setStock: async (sku, units) => {
      await redis.hset(stockKey, sku, `${units} 0 0`)
    },
    available: async (sku) => Number((await redis.hget(stockKey, sku))?.split(' ')[0] ?? 0),
    close: async () => redis.disconnect(),
  }
}
