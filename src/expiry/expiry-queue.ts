import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { storeKeys } from '../stock/keys.js'

export const queueName = 'expiry'

export function openExpiryQueue(connection: Redis, store: string): Queue {
  return new Queue(queueName, {
    connection,
    prefix: storeKeys(store).jobs,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  })
}
