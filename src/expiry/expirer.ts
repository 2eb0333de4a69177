import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { isRefusal } from '../domain/outcomes.js'
import { origin, type Position } from '../domain/position.js'
import type { StockGate } from '../stock/gate.js'
import { storeKeys } from '../stock/keys.js'
import { queueName } from './expiry-queue.js'

export interface ExpirerSettings {
  /** Reservations expired in one step. */
  batchMax: number
  /** Between sweeps. */
  sweepMs: number
}

export interface ExpirerLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type WokenBy = 'job' | 'sweep'

/** Who is told of each step that expired anything. */
export interface ExpirerObserver {
  /** @param overdueMs how far the oldest of them was past its deadline. */
  expired(count: number, overdueMs: number, wokenBy: WokenBy): void
}

/**
 * Gives the units of unpaid reservations back at their deadline.
 *
 * BullMQ's delayed jobs wake it when a bucket of deadlines is due. Beside them it sweeps by its own
 * clock, because jobs can be late or lost: whoever wakes it, `expire.lua` decides by Redis' clock
 * what is due. The sweep also forgets reservations that ended long ago.
 */
export class Expirer {
  private readonly worker: Worker
  private readonly stopping = new AbortController()
  private sweeping: Promise<void> | undefined
  private expiring: Promise<void> | undefined
  private again = false
  private jobsFailing = false
  private expired = 0
  private overdueMs = 0
  private readonly reported = { expire: 0, forget: 0 }

  /** @param connection for the BullMQ worker alone: it blocks. */
  constructor(
    private readonly gate: StockGate,
    connection: Redis,
    /** How far MySQL has applied the ledger without a gap: nothing newer may be forgotten. */
    private readonly watermark: () => Position,
    private readonly settings: ExpirerSettings,
    private readonly log: ExpirerLog,
    private readonly observer: ExpirerObserver = { expired() {} },
  ) {
    this.worker = new Worker(queueName, () => this.expireDue(), {
      connection,
      prefix: storeKeys(gate.store).jobs,
      concurrency: 1,
      autorun: false,
    })
    // BullMQ reports every attempt to reconnect; an outage is one line.
    this.worker.on('error', (error) => {
      if (!this.jobsFailing) this.log.warn({ err: error }, 'BullMQ failed; the sweep goes on')
      this.jobsFailing = true
    })
    this.worker.on('ready', () => {
      this.jobsFailing = false
    })
  }

  /** Reservations expired by this process. */
  get reservationsExpired(): number {
    return this.expired
  }

  /** By how many ms the last ones were late. */
  get lastOverdueMs(): number {
    return this.overdueMs
  }

  start(): void {
    this.worker.run().catch((error) => this.log.error({ err: error }, 'the BullMQ worker ended'))
    this.sweeping ??= this.sweep()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    // Without Redis, BullMQ waits for it to come back; nothing that it holds is needed.
    await Promise.race([this.worker.close(), delay(workerCloseMsMax, undefined, { ref: false })])
    await this.sweeping
    await this.expiring
  }

  /**
   * Expires everything that is due and can be read, in bounded steps. Calls made meanwhile share one more round, so
   * that what came due after the last step's look is found.
   */
  async expireDue(wokenBy: WokenBy = 'job'): Promise<void> {
    if (this.expiring) {
      this.again = true
      return this.expiring
    }
    this.expiring = this.expireRounds(wokenBy)
    return this.expiring
  }

  private async expireRounds(wokenBy: WokenBy): Promise<void> {
    try {
      do {
        this.again = false
        await this.expireRound(wokenBy)
      } while (this.again)
    } finally {
      // In the same step as the last look at `again`, so that no call falls between the two.
      this.expiring = undefined
    }
  }

  private async expireRound(wokenBy: WokenBy): Promise<void> {
    const { batchMax } = this.settings
    let damaged = 0
    let example: string | undefined
    for (;;) {
      const result = await this.gate.expire(batchMax, damaged)
      if (isRefusal(result)) return
      if (result.expired > 0) {
        this.overdueMs = result.overdueMs
        this.observer.expired(result.expired, result.overdueMs, wokenBy)
      }
      this.expired += result.expired
      damaged += result.damaged
      example ??= result.damagedId
      if (result.expired + result.damaged < batchMax) break
    }
    this.report('expire', damaged, example)
  }

  /** Says once how many reservations are damaged, and again when their number has changed. */
  private report(task: 'expire' | 'forget', damaged: number, example: string | undefined): void {
    if (damaged > 0 && damaged !== this.reported[task]) {
      this.log.error(
        { store: this.gate.store, task, damaged, example },
        'reservations cannot be read, and are left as they are; "holdfast reconcile" names each',
      )
    }
    this.reported[task] = damaged
  }

  private async sweep(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      try {
        await this.expireDue('sweep')
        await this.forgetFinished()
      } catch (error) {
        this.log.error({ err: error }, 'a sweep failed; the next one tries again')
      }
      await delay(this.settings.sweepMs, undefined, { signal }).catch(() => {})
    }
  }

  private async forgetFinished(): Promise<void> {
    const watermark = this.watermark()
    if (watermark.epoch === origin.epoch) return
    const { batchMax } = this.settings
    let damaged = 0
    let example: string | undefined
    while (!this.stopping.signal.aborted) {
      const result = await this.gate.forget(watermark, batchMax, damaged)
      if (isRefusal(result)) return
      damaged += result.damaged
      example ??= result.damagedId
      if (result.forgotten + result.damaged < batchMax) break
    }
    this.report('forget', damaged, example)
  }
}

const workerCloseMsMax = 2000
