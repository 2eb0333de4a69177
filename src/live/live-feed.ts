import type { Activity } from './activity-meter.js'
import { eventText, heartbeatText, rawEventText } from './event-text.js'
import { type LiveSources, StoreObserver } from './store-observer.js'
import { WatchedStock } from './watched-stock.js'

/** One second of a store. */
export interface Pulse {
  /** RFC 3339, by this process' clock. */
  at: string
  perSecond: Activity
  /** What MySQL lacks, and how long the oldest of it has waited; null while Redis does not answer. */
  persistence: { entries: number | null; seconds: number | null }
  expiryLagSeconds: number | null
  totals?: { skus: number }
  readiness?: object
}

/** Somebody who watches a store. */
export interface Viewer {
  readonly skus: ReadonlySet<string>
  send(event: Buffer): void
  /** Ends it after all that was sent. */
  end(): void
}

const tickMs = 250
const ticksPerPulse = 4
const ticksPerHeartbeat = 60
/** For the chart of who comes later. */
const pulsesMax = 300
const pulseAgeMsMax = pulsesMax * 1000
/** A page that looks at other SKUs closes its stream and opens another one. */
const lingerMs = 5000

/**
 * What happens in a store, told to everybody who watches it. What is read, and written down, is so once
 * for all of them; nothing is read while nobody watches.
 */
export class LiveFeed {
  private readonly viewers = new Set<Viewer>()
  /** Those who were not sent the counts of their SKUs yet. */
  private readonly newcomers = new Set<Viewer>()
  private readonly stock = new WatchedStock()
  private readonly progress = new Map<string, { state: { done: boolean }; isSent: boolean }>()
  private pulses: Pulse[] = []
  private newestPulse: Buffer | undefined
  private observer: StoreObserver | undefined
  private ticker: NodeJS.Timeout | undefined
  private lingering: NodeJS.Timeout | undefined
  private ticks = 0
  private isClosed = false

  constructor(private readonly sources: LiveSources) {}

  /** @returns false when the process is stopping. */
  add(viewer: Viewer): boolean {
    if (this.isClosed) return false
    this.start()
    this.viewers.add(viewer)
    const oldestMs = Date.now() - pulseAgeMsMax
    const pulses = this.pulses.filter(({ at }) => Date.parse(at) > oldestMs)
    viewer.send(eventText('history', { pulses: this.newestPulse ? pulses.slice(0, -1) : pulses }))
    if (this.newestPulse) viewer.send(this.newestPulse)
    for (const [name, { state }] of this.progress) viewer.send(eventText(name, state))
    if (viewer.skus.size > 0) {
      this.newcomers.add(viewer)
      this.stock.watch(viewer.skus)
      void this.welcome()
    }
    return true
  }

  remove(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return
    this.newcomers.delete(viewer)
    this.stock.unwatch(viewer.skus)
    if (this.viewers.size === 0 && !this.isClosed)
      this.lingering = setTimeout(() => this.stop(), lingerMs).unref()
  }

  /** Tells how far something is that goes on; only the newest state of each is sent. */
  tell(name: string, state: { done: boolean }): void {
    if (state.done && this.viewers.size === 0) this.progress.delete(name)
    else this.progress.set(name, { state, isSent: false })
  }

  /** Says goodbye to everybody. */
  close(): void {
    this.isClosed = true
    const goodbye = eventText('closing', {})
    for (const viewer of this.viewers) {
      viewer.send(goodbye)
      viewer.end()
    }
    this.stop()
  }

  private start(): void {
    clearTimeout(this.lingering)
    if (this.observer) return
    this.observer = new StoreObserver(this.sources, this.stock)
    this.observer.look()
    this.ticks = 0
    this.ticker = setInterval(() => this.tick(), tickMs)
  }

  private stop(): void {
    clearTimeout(this.lingering)
    clearInterval(this.ticker)
    this.observer?.stop()
    this.observer = undefined
    // It is of a while ago when the next viewer comes.
    this.newestPulse = undefined
  }

  private async welcome(): Promise<void> {
    await this.observer?.readStock()
    this.sendStock()
  }

  private tick(): void {
    this.ticks++
    this.sendStock()
    this.sendProgress()
    if (this.ticks % ticksPerPulse === 0) this.sendPulse()
    // Half a second before the pulse that tells what was seen.
    if (this.ticks % ticksPerPulse === ticksPerPulse / 2) this.observer?.look()
    if (this.ticks % ticksPerHeartbeat === 0) this.send(heartbeatText)
  }

  private sendPulse(): void {
    if (!this.observer) return
    const { figures, readiness, meter } = this.observer
    const pulse: Pulse = {
      at: new Date().toISOString(),
      perSecond: meter.takePerSecond(),
      persistence: {
        entries: figures?.entriesBehind ?? null,
        seconds: figures?.waitingSeconds ?? null,
      },
      expiryLagSeconds: figures?.overdueSeconds ?? null,
      ...(figures && { totals: { skus: figures.skus } }),
    }
    this.pulses.push(pulse)
    if (this.pulses.length > pulsesMax) this.pulses.shift()
    this.newestPulse = eventText('pulse', readiness ? { ...pulse, readiness } : pulse)
    this.send(this.newestPulse)
  }

  private sendStock(): void {
    const changed = this.stock.takeChanged()
    if (changed.size === 0 && this.newcomers.size === 0) return
    for (const viewer of this.viewers) {
      const isNew = this.newcomers.has(viewer)
      if (isNew && !this.stock.knows(viewer.skus)) continue
      this.newcomers.delete(viewer)
      const texts: string[] = []
      for (const sku of viewer.skus) {
        const text = isNew || changed.has(sku) ? this.stock.text(sku) : undefined
        if (text !== undefined) texts.push(text)
      }
      if (isNew || texts.length > 0) viewer.send(rawEventText('stock', `{"items":[${texts.join()}]}`))
    }
  }

  private sendProgress(): void {
    for (const [name, progress] of this.progress) {
      if (progress.isSent) continue
      this.send(eventText(name, progress.state))
      progress.isSent = true
      if (progress.state.done) this.progress.delete(name)
    }
  }

  private send(event: Buffer): void {
    for (const viewer of this.viewers) viewer.send(event)
  }
}
