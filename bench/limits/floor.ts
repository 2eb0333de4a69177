import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { readConfig } from '#product/config.js'
import { TurnBatcher } from '#product/stock/turn-batcher.js'
import { answerOf, type Reserve } from '../servers/reserve-app.js'
import type { Reserver } from '../servers/reserver.js'

const source = readFileSync(new URL('../../limits/floor.lua', import.meta.url), 'utf8')
const stockKey = 'floor:{main}:stock'
const reservationsKey = 'floor:{main}:reservations'

type Call = readonly [id: string, sku: string, quantity: number]

/**
 * The product's batching in front of the least script that holds stock (`floor.lua`): no idempotency
 * key, no deadline, no ledger. Redis' CPU a hold is judged against it.
 */
export async function openFloor(servers: { redisUrl: string }): Promise<Reserver> {
  const redis = new Redis(servers.redisUrl)
  const sha1 = (await redis.script('LOAD', source)) as string
  const limits = readConfig({})
  const run = async (calls: Call[]) =>
    (await redis.evalsha(sha1, 2, stockKey, reservationsKey, ...calls.flat())) as number[]
  const batcher = new TurnBatcher<Call, number>(run, {
    callsMax: limits.batchCallsMax,
    weightMax: limits.batchLinesMax,
    inFlightMax: limits.batchesInFlightMax,
    waitingMax: limits.callsWaitingMax,
  })
  const reserve: Reserve = async (request) => {
    const line = request.lines[0]
    if (!line || request.lines.length > 1) throw new Error('the floor holds one line')
    const id = randomUUID()
    const available = await batcher.add([id, line.sku, line.quantity], 1)
    if (available < line.quantity) return [{ sku: line.sku, requested: line.quantity, available }]
    return answerOf(id, request, Date.now())
  }
  return {
    reserve,
    setStock: async (sku, units) => {
      await redis.hset(stockKey, sku, `${units} 0`)
    },
    available: async (sku) => Number((await redis.hget(stockKey, sku))?.split(' ')[0] ?? 0),
    close: async () => redis.disconnect(),
  }
}
