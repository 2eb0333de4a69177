import type { Redis } from 'ioredis'
import { comparePositions, origin, type Position, parsePosition } from '../domain/position.js'
import { StoreScripts } from './store-scripts.js'

/**
 * How far MySQL holds a store's ledger, as its ledger writer tells it through Redis.
 *
 * Only the word of the server that this process changes stock on counts: after a failover the
 * subscriber may already listen to the new one, whose positions say nothing of the old one's.
 */
export class WatermarkFeed {
  private watermark = origin
  private asked = false
  private readonly waiters = new Set<{ position: Position; resolve: (passed: boolean) => void }>()

  private constructor(
    private readonly redis: Redis,
    private readonly scripts: StoreScripts,
  ) {}

  /** @param subscriber a connection that only subscribes. */
  static async open(redis: Redis, subscriber: Redis, store: string): Promise<WatermarkFeed> {
    const feed = new WatermarkFeed(redis, new StoreScripts(redis, store))
    const channel = feed.scripts.keys.watermark
    subscriber.on('message', (from: string, message: string) => {
      if (from === channel) feed.advance(message).catch(() => {})
    })
    const subscribe = async () => {
      await subscriber.subscribe(channel)
      // What was said while nobody listened.
      await feed.refresh()
    }
    subscriber.on('ready', () => {
      subscribe().catch(() => {})
    })
    await subscribe()
    return feed
  }

  get current(): Position {
    return this.watermark
  }

  holds(position: Position): boolean {
    return comparePositions(position, this.watermark) <= 0
  }

  /** Resolves true once MySQL holds the position, false when it has not within `waitMs`. */
  async waitFor(position: Position, waitMs: number): Promise<boolean> {
    if (this.holds(position)) return true
    const passed = await new Promise<boolean>((resolve) => {
      const waiter = {
        position,
        resolve: (result: boolean) => {
          clearTimeout(timer)
          this.waiters.delete(waiter)
          resolve(result)
        },
      }
      const timer = setTimeout(() => waiter.resolve(false), waitMs)
      this.waiters.add(waiter)
      this.ask()
    })
    if (passed) return true
    this.asked = false
    // The message itself may have been lost.
    await this.refresh().catch(() => {})
    return position.epoch === this.watermark.epoch && this.holds(position)
  }

  /**
   * Tells the ledger writer that somebody waits, once until it has moved: it need not let more
   * entries gather. When this is lost the wait is longer, nothing else.
   */
  private ask(): void {
    if (this.asked) return
    this.asked = true
    this.redis.publish(this.scripts.keys.wanted, '').catch(() => {})
  }

  private async refresh(): Promise<void> {
    const text = await this.redis.get(this.scripts.keys.watermark)
    if (text !== null) await this.advance(text)
  }

  private async advance(text: string): Promise<void> {
    const [server, at = ''] = text.split(' ')
    const position = parsePosition(at)
    if (server !== (await this.scripts.runId())) return
    if (!position || comparePositions(position, this.watermark) <= 0) return
    this.watermark = position
    for (const waiter of this.waiters) {
      // A restore began a new epoch: what was waited for in the old one was lost before it was held.
      if (waiter.position.epoch < position.epoch) waiter.resolve(false)
      else if (comparePositions(waiter.position, position) <= 0) waiter.resolve(true)
    }
    this.asked = false
    if (this.waiters.size > 0) this.ask()
  }
}
