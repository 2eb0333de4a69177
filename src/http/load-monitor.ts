import { setTimeout as delay } from 'node:timers/promises'

export interface LoadLimits {
  /** How late the event loop may be; 0: any. */
  loopLagMsMax: number
  /** How long an answer of Redis may take; 0: any. */
  redisLagMsMax: number
}

/** What is refused: nothing, all but the calls that settle a hold, or those too. */
export type Shedding = 'nothing' | 'unsettling' | 'everything'

export interface LoadLog {
  warn(fields: object, message: string): void
}

/** Between two looks. Ten looks a second cost Redis 50 us, and this process as much. */
const intervalMs = 100
/** What settles a hold is refused at this many times a limit: a shopper has paid, or gives units back. */
const patience = 4
/** Between two lines of the log: load comes and goes many times a second. */
const logIntervalMs = 10_000

/**
 * Notices that calls would wait for longer than anybody waits for them, while they are still few enough
 * to be held in memory: when the event loop is late, or Redis does not answer in time.
 *
 * It looks on an interval, and a call is judged by what was seen last. When Redis cannot be reached
 * nothing is shed for it: calls fail at once by themselves then.
 */
export class LoadMonitor {
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private current: Shedding = 'nothing'
  /** How late the look before was. */
  private lateMs = 0
  /** When Redis was asked for what it has not answered yet. */
  private askedMs: number | undefined
  /** How long its last answer took. */
  private answerMs = 0
  private loggedMs = Number.NEGATIVE_INFINITY

  /**
   * @param askRedis asks for a sign of life, on the connection that calls use.
   * @param onRedisLag told at each look while Redis is late: what waits for it waits in vain.
   */
  constructor(
    private readonly askRedis: () => Promise<unknown>,
    private readonly limits: LoadLimits,
    private readonly onRedisLag: (shedding: Exclude<Shedding, 'nothing'>) => void,
    private readonly log: LoadLog,
  ) {}

  get shedding(): Shedding {
    return this.current
  }

  start(): void {
    this.running = this.watch()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      const dueMs = performance.now() + intervalMs
      await delay(intervalMs, undefined, { signal, ref: false }).catch(() => {})
      if (!signal.aborted) this.look(performance.now() - dueMs)
    }
  }

  private look(lateMs: number): void {
    // One late look is a pause that is over; two in a row are load.
    const loopLagMs = Math.min(lateMs, this.lateMs)
    this.lateMs = lateMs
    const redisLagMs = this.redisLagMs()
    const forRedis = shedAt(redisLagMs, this.limits.redisLagMsMax)
    const forLoop = shedAt(loopLagMs, this.limits.loopLagMsMax)
    this.current = forRedis === 'nothing' || forLoop === 'everything' ? forLoop : forRedis
    if (forRedis !== 'nothing') this.onRedisLag(forRedis)
    if (this.current === 'nothing' || performance.now() - this.loggedMs < logIntervalMs) return
    this.loggedMs = performance.now()
    const lag = { loopLagMs: Math.round(loopLagMs), redisLagMs: Math.round(redisLagMs) }
    this.log.warn({ ...lag, shedding: this.current }, 'calls are refused for overload')
  }

  /** How long Redis takes; it is asked again when it has answered. */
  private redisLagMs(): number {
    const nowMs = performance.now()
    if (this.askedMs !== undefined) return Math.max(this.answerMs, nowMs - this.askedMs)
    this.askedMs = nowMs
    const settle = (answerMs: number) => {
      this.askedMs = undefined
      this.answerMs = answerMs
    }
    this.askRedis().then(
      () => settle(performance.now() - nowMs),
      () => settle(0),
    )
    return this.answerMs
  }
}

function shedAt(lagMs: number, lagMsMax: number): Shedding {
  if (lagMsMax === 0 || lagMs <= lagMsMax) return 'nothing'
  return lagMs <= patience * lagMsMax ? 'unsettling' : 'everything'
}
