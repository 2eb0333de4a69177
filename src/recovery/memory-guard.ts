import { setTimeout as delay } from 'node:timers/promises'
import type { StockReader } from '../stock/stock-reader.js'
import { LedgerStandstill } from './ledger-standstill.js'

export interface MemoryGuardSettings {
  /** Percent of Redis' `maxmemory` from which holds are paused; 0: never. */
  memoryPercentMax: number
  /** Ledger entries that MySQL may lack before holds are paused; 0: any number. */
  ledgerLagMax: number
  /** Between two looks. */
  intervalMs: number
}

export interface GuardLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Four looks a second cost Redis 40 us; meanwhile a busy sale takes some 5 MB. */
export function memoryGuardSettings(config: {
  memoryPercentMax: number
  ledgerLagMax: number
}): MemoryGuardSettings {
  const { memoryPercentMax, ledgerLagMax } = config
  return { memoryPercentMax, ledgerLagMax, intervalMs: 250 }
}

/**
 * Pauses new reservations before Redis is full, so that there is room for the payments, cancellations
 * and expiries of those that are held: each of them adds an entry to the ledger before it can be
 * trimmed, and while MySQL is away nothing is.
 *
 * It looks at the memory of Redis and at the lag of MySQL on an interval; a call is judged by what was
 * seen last. Between two looks Redis itself refuses a hold that it has no memory for (`memory-full`).
 * When Redis does not answer, what was seen last stays: holds fail on their own then.
 */
export class MemoryGuard {
  private readonly stopping = new AbortController()
  private readonly memory: Limit
  private readonly lag: Limit
  private readonly standstill = new LedgerStandstill()
  private running: Promise<void> | undefined
  private current: string | undefined
  private share: number | undefined

  /** @param persisted the sequence up to which MySQL holds the ledger. */
  constructor(
    private readonly reader: StockReader,
    private readonly persisted: () => number,
    private readonly settings: MemoryGuardSettings,
    private readonly log: GuardLog,
  ) {
    this.memory = new Limit(settings.memoryPercentMax)
    this.lag = new Limit(settings.ledgerLagMax)
  }

  /** Why new reservations are refused, or undefined while they are taken. */
  get reason(): string | undefined {
    return this.current
  }

  /** Share of Redis' `maxmemory` in use at the last look; undefined when none is set. */
  get memoryShare(): number | undefined {
    return this.share
  }

  /** For how many ms MySQL has taken no entry although there are some for it. */
  get standstillMs(): number {
    return this.standstill.ms()
  }

  /** Looks once, then keeps watching. */
  async start(): Promise<void> {
    await this.look()
    this.running = this.watch()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      await delay(this.settings.intervalMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.look()
    }
  }

  private async look(): Promise<void> {
    try {
      const [{ usedBytes, maxBytes }, position] = await Promise.all([
        this.reader.memory(),
        this.reader.position(),
      ])
      this.share = maxBytes === 0 ? undefined : usedBytes / maxBytes
      const persisted = this.persisted()
      const behind = Math.max(0, (position?.sequence ?? 0) - persisted)
      this.standstill.note(persisted, behind)
      this.judge(100 * (this.share ?? 0), behind)
    } catch {
      return
    }
  }

  private judge(percent: number, behind: number): void {
    const full = this.memory.isPassed(percent)
    const late = this.lag.isPassed(behind)
    const before = this.current
    if (full) {
      this.current = `Redis uses ${percent.toFixed(1)} % of its maxmemory, and reservations are taken again below ${this.memory.resumesBelow} %`
    } else if (late) {
      this.current = `MySQL lacks ${behind} ledger entries, and reservations are taken again below ${this.lag.resumesBelow}`
    } else {
      this.current = undefined
    }
    const { store } = this.reader
    if (this.current && !before) {
      this.log.warn({ store, reason: this.current }, 'new reservations are paused')
    } else if (before && !this.current) {
      this.log.info({ store }, 'new reservations are taken again')
    }
  }
}

/** A limit that is passed when it is reached, and stays so until the figure is well below it. */
class Limit {
  private passed = false

  /** @param max 0: it is never passed. */
  constructor(private readonly max: number) {}

  /** Below it by a twentieth, so that a figure near the limit does not flap. */
  get resumesBelow(): number {
    return Math.round(this.max * 9.5) / 10
  }

  isPassed(figure: number): boolean {
    this.passed = this.max > 0 && figure >= (this.passed ? this.resumesBelow : this.max)
    return this.passed
  }
}
