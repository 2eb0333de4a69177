import type { Redis } from 'ioredis'
import { comparePositions, origin, type Position, parsePosition } from '../domain/position.js'
import { subscribeForGood } from './connection.js'
import { StoreScripts } from './store-scripts.js'

interface Waiter {
  server: string
  position: Position
  resolve: (passed: boolean) => void
}

/** What MySQL is asked where the watermark alone does not tell. Either may reject. */
export interface LedgerAnswers {
  /** Whether the entry is kept without having been applied, although the watermark has passed it. */
  isQuarantined(position: Position): Promise<boolean>
  /** Whether the ledger has the entry. */
  hasEntry(position: Position): Promise<boolean>
}

/** Nothing counts as held that the watermark alone does not vouch for. */
const noAnswers: LedgerAnswers = { isQuarantined: async () => true, hasEntry: async () => false }

/**
 * How far MySQL holds a store's ledger, as its ledger writer tells it through Redis.
 *
 * A watermark is one of a server's ledger, and counts for the entries of that server alone: another
 * one, promoted in its place, may have another entry at the same position.
 */
export class WatermarkFeed {
  /** The run id of the server whose ledger the positions are of. */
  private server = ''
  private watermark = origin
  private settledAt = origin
  /** Entries that were told of and that MySQL, set back since, may lack: those after `from` up to `to`. */
  private doubted: { from: Position; to: Position } | undefined
  private asked = false
  private readonly waiters = new Set<Waiter>()

  private constructor(
    private readonly redis: Redis,
    private readonly scripts: StoreScripts,
    private readonly ledger: LedgerAnswers,
  ) {}

  /**
   * @param subscriber a connection that only subscribes.
   * @param ledger asked for an entry of before a restore, and while anything is quarantined.
   */
  static async open(
    redis: Redis,
    subscriber: Redis,
    store: string,
    ledger = noAnswers,
  ): Promise<WatermarkFeed> {
    const feed = new WatermarkFeed(redis, new StoreScripts(redis, store), ledger)
    const channel = feed.scripts.keys.watermark
    subscriber.on('message', (from: string, message: string) => {
      if (from === channel) feed.advance(message).catch(() => {})
    })
    await subscribeForGood(subscriber, async () => {
      await subscriber.subscribe(channel)
      // What was said while nobody listened; whoever waits for more asks again.
      await feed.refresh().catch(() => {})
    })
    return feed
  }

  get current(): Position {
    return this.watermark
  }

  /** Up to where MySQL has applied every entry: before the first one that is quarantined. */
  get settled(): Position {
    return this.isDoubted(this.settledAt) ? (this.doubted as { from: Position }).from : this.settledAt
  }

  /**
   * Compares what was told with what MySQL says: one that is behind was set back to a backup, and is asked
   * about each entry that it may lack until its writer has got as far again.
   *
   * @param told `current`, read before MySQL was asked.
   */
  compare(told: Position, held: Position): void {
    this.doubted = held.sequence < told.sequence ? { from: held, to: told } : undefined
  }

  private isDoubted(position: Position): boolean {
    const { doubted } = this
    if (!doubted) return false
    // An epoch that was claimed since holds no more than the one before.
    return position.sequence > doubted.from.sequence && position.sequence <= doubted.to.sequence
  }

  /** Whether MySQL holds an entry of that server's ledger; false when it has to be asked and does not answer. */
  async holds(server: string, position: Position): Promise<boolean> {
    if (!this.passed(server, position)) return false
    // A restore has begun a newer epoch: it kept the entry if MySQL had it by then, and dropped it otherwise.
    if (position.epoch < this.watermark.epoch || this.isDoubted(position))
      return this.ledger.hasEntry(position).catch(() => false)
    if (comparePositions(position, this.settledAt) <= 0) return true
    return !(await this.ledger.isQuarantined(position).catch(() => true))
  }

  /** Resolves true once MySQL holds the entry of that server's ledger, false when it does not within `waitMs`. */
  async waitFor(server: string, position: Position, waitMs: number): Promise<boolean> {
    const passed = this.passed(server, position) || (await this.waitToPass(server, position, waitMs))
    return passed && this.holds(server, position)
  }

  private passed(server: string, position: Position): boolean {
    return server === this.server && comparePositions(position, this.watermark) <= 0
  }

  private async waitToPass(server: string, position: Position, waitMs: number): Promise<boolean> {
    const passed = await new Promise<boolean>((resolve) => {
      const waiter = {
        server,
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
    return this.passed(server, position)
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
    const [server, at = '', settledAt = at] = text.split(' ')
    const position = parsePosition(at)
    const settled = parsePosition(settledAt)
    if (server !== (await this.scripts.runId())) return
    if (!position || !settled) return
    const moved = server === this.server ? comparePositions(position, this.watermark) : 1
    if (moved === 0 && comparePositions(settled, this.settledAt) > 0) this.settledAt = settled
    if (moved <= 0) return
    this.server = server
    this.watermark = position
    this.settledAt = settled
    for (const waiter of this.waiters) {
      // Another server has another entry there, or none. And when a restore began a new epoch, what was
      // waited for in the old one was lost before it was held.
      if (waiter.server !== server || waiter.position.epoch < position.epoch) waiter.resolve(false)
      else if (comparePositions(waiter.position, position) <= 0) waiter.resolve(true)
    }
    this.asked = false
    if (this.waiters.size > 0) this.ask()
  }
}
