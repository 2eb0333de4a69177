import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { storeKeys } from '../stock/keys.js'

export const queueName = 'expiry'

export function openExpiryQueue(connection: Redis, store: string): Queue {
  const queue = new Queue(queueName, {
    connection,
    prefix: storeKeys(store).jobs,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  })
  // The connection's owner reports its failures, and each call its own; unheard, BullMQ prints them.
  queue.on('error', () => {})
  return queue
}
