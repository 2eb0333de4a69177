import type { Redis } from 'ioredis'
import { type LedgerEntry, MalformedEntryError, parseEntry } from '../domain/ledger-entry.js'
import { formatPosition, type Position, parsePosition } from '../domain/position.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { endLease, takeLease } from './lease.js'
import { StoreScripts } from './store-scripts.js'

/**
 * The tail of a store's ledger that Redis keeps until MySQL holds it, as the ledger writer sees it.
 */
export class LedgerStream {
  private readonly keys: StoreKeys
  private readonly scripts: StoreScripts

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
    const subscribe = () => subscriber.subscribe(stream.keys.wanted)
    subscriber.on('ready', () => {
      subscribe().catch(() => {})
    })
    await subscribe()
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

  /**
   * The entries after the position, whole records of the stream until they have `linesMax` lines.
   *
   * @throws MalformedEntryError
   */
  async read(after: Position, linesMax: number): Promise<LedgerEntry[]> {
    const entries: LedgerEntry[] = []
    let last = formatPosition(after)
    let lines = 0
    let taken = 0
    let count = recordsPerReadFirst
    while (lines < linesMax) {
      const records = await this.redis.xrange(this.keys.ledger, `(${last}`, '+', 'COUNT', count)
      for (const [id, fields] of records) {
        if (lines >= linesMax) break
        const first = entries.length
        readRecord(id, fields, entries)
        for (let i = first; i < entries.length; i++) lines += entries[i]?.lines.length ?? 0
        last = id
        taken++
      }
      if (records.length < count) break
      // As many as the rest takes, going by those so far: what is read and left is read again.
      const rest = Math.min(linesMax - lines, linesPerRead)
      count = Math.min(recordsPerReadMax, Math.ceil((taken * rest) / lines))
    }
    return entries
  }

  /**
   * Drops what MySQL holds, and tells whoever waits that it holds everything up to here. In this order:
   * a Redis that is full has memory for the telling only after it.
   */
  async publishWatermark(server: string, watermark: Position): Promise<void> {
    const text = `${server} ${formatPosition(watermark)}`
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

/** A record is `time <ms> entry <text> entry <text> ...`; its id is the position of its last entry. */
function readRecord(id: string, fields: string[], into: LedgerEntry[]): void {
  const last = parsePosition(id) as Position
  const [timeName, time = ''] = fields
  const occurredAtMs = Number(time)
  const count = fields.length / 2 - 1
  // Unnoticed, a record without entries would be read again and again, and one without a time would
  // be of 1970.
  if (timeName !== 'time' || !/^\d{1,15}$/.test(time) || count < 1) {
    throw new MalformedEntryError(last, fields.join('\t'))
  }
  for (let i = 0; i < count; i++) {
    const position = { epoch: last.epoch, sequence: last.sequence - count + 1 + i }
    into.push(parseEntry(position, occurredAtMs, fields[2 * i + 3] as string))
  }
}
