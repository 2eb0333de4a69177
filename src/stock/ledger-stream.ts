import type { Redis } from 'ioredis'
import { isReadable, type LedgerItem, type RecordBytes, readRecord } from '../domain/ledger-record.js'
import { comparePositions, formatPosition, type Position, parsePosition } from '../domain/position.js'
import { subscribeForGood } from './connection.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { endLease, takeLease } from './lease.js'
import { type Ownership, StoreFence } from './store-fence.js'
import { StoreScripts } from './store-scripts.js'

/** Somebody else wrote a record to the ledger: its id is no position. */
export class ForeignRecordError extends Error {
  constructor(readonly id: string) {
    super(`the ledger has a record whose id ${id} is no position`)
  }
}

/**
 * The tail of a store's ledger that Redis keeps until MySQL holds it, as the ledger writer sees it.
 */
export class LedgerStream {
  private readonly keys: StoreKeys
  private readonly scripts: StoreScripts
  private readonly fence: StoreFence

  private wanted = false
  private endGathering = () => {}

  /** Without `open` it works too, and entries always gather for their full time. */
  constructor(
    private readonly redis: Redis,
    private readonly waiting: Redis,
    store: string,
  ) {
    this.keys = storeKeys(store)
    this.scripts = new StoreScripts(redis, store)
    this.fence = new StoreFence(redis, store)
  }

  /**
   * @param waiting a connection of its own: a read may block it.
   * @param subscriber a connection that only subscribes.
   */
  static async open(redis: Redis, waiting: Redis, subscriber: Redis, store: string): Promise<LedgerStream> {
    const stream = new LedgerStream(redis, waiting, store)
    subscriber.on('message', (channel: string) => {
      if (channel !== stream.keys.wanted) return
      stream.wanted = true
      stream.endGathering()
    })
    await subscribeForGood(subscriber, () => subscriber.subscribe(stream.keys.wanted))
    return stream
  }

  /** The run id of the Redis server that the entries come from. */
  server(): Promise<string> {
    return this.scripts.runId()
  }

  /**
   * Lets entries gather for `waitMs`, so that a transaction holds many; ends at once when somebody
   * waits for one of them to be persisted.
   */
  async gather(waitMs: number): Promise<void> {
    if (!this.wanted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        this.endGathering = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.wanted = false
  }

  /** Resolves when there are entries after the position, or after `waitMs`. */
  async wait(after: Position, waitMs: number): Promise<boolean> {
    const id = formatPosition(after)
    const found = await this.waiting.xread('COUNT', 1, 'BLOCK', waitMs, 'STREAMS', this.keys.ledger, id)
    return found !== null
  }

  /** Ends a wait that is under way, which rejects then, for good. */
  endWaiting(): void {
    this.waiting.disconnect()
  }

  /**
   * The entries after the position, whole records of the stream until they have `linesMax` lines.
   *
   * @throws ForeignRecordError when the first record there is one.
   */
  async read(after: Position, linesMax: number): Promise<LedgerItem[]> {
    const items: LedgerItem[] = []
    let last = after
    let lines = 0
    let taken = 0
    let count = recordsPerReadFirst
    while (lines < linesMax) {
      const from = `(${formatPosition(last)}`
      const records = await this.redis.xrange(this.keys.ledger, from, '+', 'COUNT', count)
      for (const [id, fields] of records) {
        if (lines >= linesMax) break
        if (items.length > 0 && !parsePosition(id)) return items
        for (const item of await this.readRecord(id, last, fields)) {
          items.push(item)
          lines += isReadable(item) ? item.lines.length : 1
        }
        last = (items.at(-1) as LedgerItem).position
        taken++
      }
      if (records.length < count) break
      // As many as the rest takes, going by those so far: what is read and left is read again.
      const rest = Math.min(linesMax - lines, linesPerRead)
      count = Math.min(recordsPerReadMax, Math.ceil((taken * rest) / lines))
    }
    return items
  }

  /**
   * Whether the server's data went back since it was opened, so that it may have other entries at the same
   * positions; it is fenced then. Asked after a read, this tells what was read.
   */
  async hasGoneBack(owner: Ownership, watermark: Position): Promise<boolean> {
    const verdict = await this.fence.verify(owner, watermark, 'look')
    return typeof verdict === 'object' && ('turnedAt' in verdict || 'behindAt' in verdict)
  }

  private async readRecord(id: string, before: Position, fields: string[]): Promise<LedgerItem[]> {
    const position = parsePosition(id)
    if (!position) throw new ForeignRecordError(id)
    const items = readRecord(position, before.sequence, fields)
    if (items.every(isReadable)) return items
    return readRecord(position, before.sequence, fields, await this.readBytes(id))
  }

  /** The bytes of a record: as text, those that are no UTF-8 would be lost. */
  private async readBytes(id: string): Promise<RecordBytes | undefined> {
    const [record] = await this.redis.xrangeBuffer(this.keys.ledger, id, id)
    return record?.[1].map((field) => field.toString('latin1'))
  }

  /**
   * Drops what MySQL holds, and tells whoever waits that it holds everything up to here. In this order:
   * a Redis that is full has memory for the telling only after it.
   *
   * @param settled up to where no entry is quarantined.
   */
  async publishWatermark(server: string, watermark: Position, settled = watermark): Promise<void> {
    const at = `${server} ${formatPosition(watermark)}`
    const text = comparePositions(settled, watermark) < 0 ? `${at} ${formatPosition(settled)}` : at
    const next = formatPosition({ ...watermark, sequence: watermark.sequence + 1 })
    await this.redis
      .pipeline()
      .xtrim(this.keys.ledger, 'MINID', '~', next)
      .set(this.keys.watermark, text)
      .publish(this.keys.watermark, text)
      .exec()
  }

  async lease(owner: string, leaseMs: number): Promise<boolean> {
    return takeLease(this.redis, this.keys.writer, owner, leaseMs)
  }

  async endLease(owner: string): Promise<void> {
    await endLease(this.redis, this.keys.writer, owner)
  }
}

/** A record of a busy store has about a hundred lines, one of a quiet store a single line. */
const recordsPerReadFirst = 2
const recordsPerReadMax = 128
const linesPerRead = 200
