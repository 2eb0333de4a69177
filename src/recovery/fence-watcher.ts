import { setTimeout as delay } from 'node:timers/promises'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { StockGate } from '../stock/gate.js'

export interface FenceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/**
 * Keeps a store fenced until the Redis server it is connected to was compared with MySQL.
 *
 * The scripts enforce the fence by themselves: they refuse to change stock on a server whose run id
 * is not the verified one. This watcher notices such a server, compares its ledger's position with
 * MySQL's watermark, and lifts the fence when Redis is not behind. Any number of processes may do so
 * at once: the comparison and the lifting are one script.
 */
export class FenceWatcher {
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private current: string | undefined = 'Redis and MySQL have not been compared yet'

  constructor(
    private readonly gate: StockGate,
    private readonly ledger: StoreLedger,
    private readonly intervalMs: number,
    private readonly log: FenceLog,
  ) {}

  /** Why the store is fenced, or undefined while it is open. */
  get reason(): string | undefined {
    return this.current
  }

  /** Compares once, then keeps watching. */
  async start(): Promise<void> {
    await this.check()
    this.running = this.watch()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      await delay(this.intervalMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.check()
    }
  }

  private async check(): Promise<void> {
    const { store } = this.gate
    let reason: string | undefined
    try {
      reason = (await this.gate.isFenced()) ? await this.compare() : undefined
    } catch (error) {
      reason = `Redis and MySQL cannot be compared: ${error instanceof Error ? error.message : error}`
    }
    if (reason !== this.current) {
      if (reason) this.log.warn({ store, reason }, 'the store is fenced')
      else this.log.info({ store }, 'the store is open')
    }
    this.current = reason
  }

  /** @returns why the fence stays, or undefined when it was lifted. */
  private async compare(): Promise<string | undefined> {
    const watermark = await this.ledger.watermark()
    const result = await this.gate.verify(watermark)
    if (result === 'verified') {
      if (watermark.epoch === 0) await this.ledger.openFirstEpoch()
      return undefined
    }
    const at = `${watermark.epoch}-${watermark.sequence}`
    return result === 'empty'
      ? `Redis is empty and MySQL holds the ledger up to ${at}`
      : `Redis is at ${result.behindAt}, behind MySQL at ${at}`
  }
}
