import type { Redis } from 'ioredis'
import { formatPosition, type Position, parsePosition } from '../domain/position.js'
import { subscribeForGood } from './connection.js'
import { storeKeys } from './keys.js'

/** An entry that a sampled call has made. */
export interface TracedEntry {
  position: Position
  /** The trace, and the span that the write belongs to (W3C Trace Context). */
  traceparent: string
  /** When the call's script was sent, in ms since 1970. */
  sentMs: number
}

const message = /^(\d+-\d+) (\d{1,16}) (00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})$/

/**
 * Tells workers which ledger entries of a store are traced. The ledger itself does not carry it: no entry
 * grows by it, and a message that is lost costs a span, nothing else.
 */
export class TracedEntries {
  private readonly channel: string

  constructor(
    private readonly redis: Redis,
    store: string,
  ) {
    this.channel = storeKeys(store).traced
  }

  tell({ position, traceparent, sentMs }: TracedEntry): void {
    const text = `${formatPosition(position)} ${Math.floor(sentMs)} ${traceparent}`
    this.redis.publish(this.channel, text).catch(() => {})
  }

  /** @param subscriber a connection that only subscribes. */
  async listen(subscriber: Redis, hear: (entry: TracedEntry) => void): Promise<void> {
    subscriber.on('message', (channel: string, text: string) => {
      if (channel !== this.channel) return
      const [, at = '', sentMs, traceparent = ''] = message.exec(text) ?? []
      const position = parsePosition(at)
      if (position) hear({ position, traceparent, sentMs: Number(sentMs) })
    })
    await subscribeForGood(subscriber, () => subscriber.subscribe(this.channel))
  }
}
