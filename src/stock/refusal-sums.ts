import type { Redis } from 'ioredis'
import { storeKeys } from './keys.js'

/** Between two sums that a process publishes, while it refuses anything. */
const publishMs = 250

/**
 * How many holds of a store are refused. A refusal leaves nothing in the ledger, so each API process
 * counts its own and tells the others its sum; those with somebody who watches add them up. A sum that
 * is lost on its way is missing from a chart, and from nothing else.
 */
export class RefusalSums {
  private readonly channel: string
  private unsent = 0
  private timer: NodeJS.Timeout | undefined

  /** @param subscriber a connection that only subscribes. */
  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
    store: string,
  ) {
    this.channel = storeKeys(store).refusals
  }

  /** Counts a refused hold of this process. */
  count(): void {
    this.unsent++
    this.timer ??= setTimeout(() => this.publish(), publishMs).unref()
  }

  /** Calls `add` with every process' sums, this one's too, until the returned function is called. */
  listen(add: (sum: number) => void): () => void {
    const { channel, subscriber } = this
    const onMessage = (from: string, message: string) => {
      if (from === channel && /^\d{1,9}$/.test(message)) add(Number(message))
    }
    const subscribe = () => {
      subscriber.subscribe(channel).catch(() => {})
    }
    subscriber.on('message', onMessage)
    subscriber.on('ready', subscribe)
    subscribe()
    return () => {
      subscriber.off('message', onMessage)
      subscriber.off('ready', subscribe)
      subscriber.unsubscribe(channel).catch(() => {})
    }
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  private publish(): void {
    this.timer = undefined
    const sum = this.unsent
    this.unsent = 0
    this.redis.publish(this.channel, String(sum)).catch(() => {})
  }
}
