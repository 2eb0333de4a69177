import type { Redis } from 'ioredis'
import { glanceAtLines, kindOf } from '../domain/ledger-glance.js'
import { isRefusal } from '../domain/outcomes.js'
import { comparePositions } from '../domain/position.js'
import type { EntryRange } from '../ledger/ledger-queries.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import { followLedger, type TailRecord } from '../stock/ledger-tail.js'
import type { RefusalSums } from '../stock/refusal-sums.js'
import type { StockReader } from '../stock/stock-reader.js'
import type { WatermarkFeed } from '../stock/watermark-feed.js'
import { ActivityMeter } from './activity-meter.js'
import type { WatchedStock } from './watched-stock.js'

export interface LiveSources {
  redis: Redis
  /** Opens a connection that a read may block. */
  connect(): Promise<Redis>
  reader: StockReader
  watermark: WatermarkFeed
  ledger: StoreLedger
  refusals: RefusalSums
  /** What `/readyz` answers. Never rejects, and may take long. */
  readiness(): Promise<object>
}

/** What was seen at the last look. */
export interface Figures {
  entriesBehind: number
  /** How long the oldest of them has waited. */
  waitingSeconds: number
  /** How long the oldest overdue reservation has been due. */
  overdueSeconds: number
  skus: number
}

const skusPerRead = 500
/** Beyond it, what was missed longest ago is not counted. */
const rangesMax = 100

/**
 * Reads what happens in a store for as long as somebody watches it: changes from the end of the ledger,
 * the rest by a look once a second.
 */
export class StoreObserver {
  readonly meter = new ActivityMeter()
  /** Undefined when Redis has not answered the last look. */
  figures: Figures | undefined
  readiness: object | undefined
  private readonly stopping = new AbortController()
  private epoch: number | undefined
  private missed: EntryRange[] = []
  private readonly underWay = new Set<string>()

  constructor(
    private readonly sources: LiveSources,
    private readonly stock: WatchedStock,
  ) {
    const { signal } = this.stopping
    const unlisten = sources.refusals.listen((sum) => this.meter.addRefusals(sum))
    signal.addEventListener('abort', unlisten)
    void this.follow(signal)
  }

  stop(): void {
    this.stopping.abort()
  }

  /** Looks at what no entry tells. What is still under way from the last look is not begun again. */
  look(): void {
    void this.once('figures', () => this.readFigures())
    void this.once('missed', () => this.countMissed())
    void this.once('readiness', async () => {
      this.readiness = await this.sources.readiness()
    })
  }

  /** Reads the SKUs that are watched and not known. What cannot be read now is read at the next look. */
  async readStock(): Promise<void> {
    const skus = this.stock.wanted
    for (let i = 0; i < skus.length; i += skusPerRead) {
      const part = skus.slice(i, i + skusPerRead)
      const page = await this.sources.reader.stock(part).catch(() => undefined)
      if (!page || isRefusal(page)) return
      const found = new Map(page.items.map((item) => [item.sku, item]))
      for (const sku of part) this.stock.set(sku, found.get(sku), page.position)
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const { redis, connect, reader } = this.sources
    const begins = () => {
      this.stock.forget()
      void this.readStock()
    }
    for await (const records of followLedger(redis, connect, reader.store, begins, signal)) {
      for (const record of records) this.take(record)
    }
  }

  private take({ position, entries, missed }: TailRecord): void {
    this.epoch = position.epoch
    if (missed !== 0) this.stock.distrust()
    if (missed !== 'unknown' && missed > 0) {
      const last = position.sequence - entries.length
      this.missed.push({ epoch: position.epoch, first: last - missed + 1, last })
      if (this.missed.length > rangesMax) this.missed.shift()
    }
    for (const text of entries) {
      const kind = kindOf(text)
      if (kind) this.meter.add(kind, 1)
      glanceAtLines(text, this.stock, (sku, counts) => this.stock.set(sku, counts, position))
    }
  }

  private async readFigures(): Promise<void> {
    this.figures = undefined
    const { reader, watermark } = this.sources
    const persisted = watermark.current
    const [end, waitingMs, { overdueMs }, skus] = await Promise.all([
      reader.position(),
      reader.waitingMs(persisted),
      reader.openReservations(),
      reader.skuCount(),
    ])
    // A restore leaves no entry.
    if (end?.epoch !== this.epoch) this.stock.distrust()
    this.epoch = end?.epoch
    await this.readStock()
    if (!end) return
    const isBehind = comparePositions(end, persisted) > 0
    this.figures = {
      entriesBehind: isBehind ? Math.max(0, end.sequence - persisted.sequence) : 0,
      waitingSeconds: isBehind ? waitingMs / 1000 : 0,
      overdueSeconds: overdueMs / 1000,
      skus,
    }
  }

  /** What was trimmed before it was read here is held by MySQL: that is why it was trimmed. */
  private async countMissed(): Promise<void> {
    const ranges = this.missed
    if (ranges.length === 0) return
    this.missed = []
    for (const [kind, entries] of await this.sources.ledger.countEntries(ranges))
      this.meter.add(kind, entries)
  }

  /** A failure leaves the figure unknown; the readiness says which part does not answer. */
  private async once(what: string, work: () => Promise<void>): Promise<void> {
    if (this.underWay.has(what)) return
    this.underWay.add(what)
    await work().catch(() => {})
    this.underWay.delete(what)
  }
}
