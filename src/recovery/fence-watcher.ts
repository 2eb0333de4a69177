import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { formatPosition, type Position } from '../domain/position.js'
import { lacksTables } from '../ledger/database.js'
import { DamagedRowError } from '../ledger/ledger-queries.js'
import { quarantineReason } from '../ledger/quarantine-queries.js'
import { claimedBy, type StoreLedger, type StoreRow } from '../ledger/store-ledger.js'
import type { StoreFence, Verdict } from '../stock/store-fence.js'
import { BrokenScriptError } from '../stock/store-scripts.js'
import type { WatermarkFeed } from '../stock/watermark-feed.js'
import { type RestoreSettings, restoreStore } from './restore.js'

export interface FenceLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface FenceWatcherSettings extends RestoreSettings {
  /** Between two looks. */
  intervalMs: number
  /** How long a restarted Redis may write its append-only file anew before it is opened. */
  rewriteMs: number
}

/** How far MySQL was said to hold the ledger. */
export type ToldWatermark = Pick<WatermarkFeed, 'current' | 'compare'>

/** Bounds that nobody has had a reason to tune. */
export function fenceSettings(config: { retentionSeconds: number }): FenceWatcherSettings {
  const { retentionSeconds } = config
  return { retentionSeconds, intervalMs: 1000, rewriteMs: 5000, pageRows: 1000, leaseMs: 10_000 }
}

/**
 * Keeps a store fenced until the Redis server it is connected to was compared with MySQL, and gives
 * a server that lost the store, or its newest part, what MySQL holds.
 *
 * The scripts enforce the fence by themselves: they refuse to change stock on a server whose run id
 * is not the verified one. This watcher notices such a server, claims the store for it in MySQL,
 * compares its ledger's position with the watermark, and opens or restores it. It also notices when
 * the store was claimed for another server while this one still answers, and fences this one for
 * good. Any number of processes may watch at once.
 */
export class FenceWatcher {
  private readonly owner = randomUUID()
  private readonly stopping = new AbortController()
  private running: Promise<void> | undefined
  private current: string | undefined = 'Redis and MySQL have not been compared yet'
  private lastWatermark: Position | undefined
  /** Of another server, seen at the last look. */
  private unopenedClaim: Pick<StoreRow, 'server' | 'generation'> | undefined
  private restored = 0
  /** The run id of the server that was asked to write its append-only file anew. */
  private rewritten: string | undefined

  constructor(
    private readonly fence: StoreFence,
    private readonly ledger: StoreLedger,
    private readonly settings: FenceWatcherSettings,
    private readonly log: FenceLog,
    private readonly feed?: ToldWatermark,
  ) {}

  /** Why the store is fenced, or undefined while it is open. */
  get reason(): string | undefined {
    return this.current
  }

  /** How often this process has restored the store from MySQL. */
  get restores(): number {
    return this.restored
  }

  /** How far MySQL held the ledger when it last answered. */
  get watermark(): Position | undefined {
    return this.lastWatermark
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
    const { store } = this.fence
    let reason: string | undefined
    let failure: unknown
    try {
      reason = (await this.fence.isOpen()) ? await this.confirmOwner() : await this.compare()
    } catch (error) {
      failure = error
      // The error is for the log: this sentence reaches clients.
      reason = whyFailed(error)
    }
    if (reason !== this.current) {
      if (reason) this.log.warn({ store, reason, err: failure }, 'the store is fenced')
      else this.log.info({ store }, 'the store is open')
    }
    this.current = reason
  }

  /** An open store stays open, MySQL or not, unless it was taken over since, or its data went back. */
  private async confirmOwner(): Promise<string | undefined> {
    const server = await this.fence.server()
    // Read before Redis: what it says then, a sound Redis holds.
    const row = await this.row().catch(() => undefined)
    if (!row) return undefined
    const { generation, epoch } = await this.fence.head()
    const claim = this.unopenedClaim
    this.unopenedClaim = undefined
    if (row.server === server) {
      // Given to this very server by hand, by a restore that has not got further.
      if (row.generation > generation) return this.compare()
      const verdict = await this.fence.verify(row, row.watermark, 'look')
      // A MySQL that was set back is for the ledger writer to report.
      const isAhead = typeof verdict === 'object' && 'aheadAt' in verdict && !('turnedAt' in verdict)
      const isSound = verdict === 'verified' || isAhead
      return isSound ? undefined : this.compare()
    }
    // One that MySQL names as an older owner stays open as well: MySQL was set back.
    const isTakenOver = row.opened ? row.generation >= generation : row.generation > generation
    if (!isTakenOver) return undefined
    // A claim by itself takes nothing from this server yet; but the epoch of a restore makes its data old.
    if (!row.opened && row.watermark.epoch === epoch) {
      const { server: claimant, generation: claimed } = row
      // From one look to the next whoever made it would have opened it: it has died.
      if (claim?.server === claimant && claim.generation === claimed) return this.compare(row)
      this.unopenedClaim = { server: claimant, generation: claimed }
      return undefined
    }
    await this.fence.supersede(server)
    return superseded
  }

  /**
   * Claims the store for the connected server and opens it, restored if it is behind.
   *
   * @param given how the store stood; otherwise it is asked for.
   * @returns why the fence stays, or undefined when the store is open.
   */
  private async compare(given?: StoreRow): Promise<string | undefined> {
    // Said at once: a look can take as long as MySQL does.
    this.current ??= 'Redis and MySQL are being compared'
    const head = await this.fence.head()
    const server = await this.fence.server()
    const seen = given ?? (await this.row())
    if (head.superseded) {
      // It was the owner when its data was of this generation: a newer one was given to it by hand since.
      const isGivenBack = seen.server === server && seen.generation > head.generation
      return isGivenBack ? this.restore(seen, 'given-back') : superseded
    }
    // Before the claim, which fences whoever serves the store now: a server that could not take its place must not
    // make one. One that cannot write fails here.
    const verdict = await this.fence.verify(claimedBy(server, seen), seen.watermark, 'look')
    if (verdict === 'superseded') return superseded
    if (verdict === 'replica') return replica
    if (typeof verdict === 'object' && 'aheadAt' in verdict) {
      return `Redis is at ${verdict.aheadAt}, and MySQL was set back: it lacks what Redis has dropped since`
    }
    const lacking = isLoss(verdict) ? await this.whyNotRestored(seen, verdict) : undefined
    if (lacking) return lacking
    // One that was started again may have found its file torn.
    if (head.position && !head.open && this.rewritten !== server) {
      const isRewritten = await this.fence.rewriteAppendOnlyFile(this.settings.rewriteMs)
      if (!isRewritten) this.log.warn({ store: this.fence.store }, notRewritten)
      this.rewritten = server
    }
    const owner = await this.ledger.claim(server, seen)
    if (!owner) return 'another process is opening the store'
    if (isLoss(verdict)) return this.restore(owner, verdict)
    // In this order: whoever takes over from a server must know that it may have sold, and its own data, should it
    // die before it is opened, that it has not.
    if ((await this.fence.verify(owner, owner.watermark, 'prepare')) !== 'verified') return changed
    if (!(await this.ledger.markOpened(owner))) return 'another process is opening the store'
    const opened = await this.fence.verify(owner, owner.watermark, 'open')
    if (opened !== 'verified') return changed
    return undefined
  }

  private async row(): Promise<StoreRow> {
    const told = this.feed?.current
    const row = await this.ledger.row()
    if (told) this.feed?.compare(told, row.watermark)
    this.lastWatermark = row.watermark
    return row
  }

  /** What MySQL keeps and has not applied would be lost by a restore, which no process decides by itself. */
  private async whyNotRestored(seen: StoreRow, loss: Loss): Promise<string | undefined> {
    const lacking = await quarantineReason(this.ledger, ['malformed', 'waiting', 'discarded'])
    const why = whyRestored(loss, formatPosition(seen.watermark))
    return lacking && `${why}, but ${lacking}, so MySQL may count sold units; see "holdfast quarantine"`
  }

  private async restore(seen: StoreRow, loss: Loss): Promise<string | undefined> {
    const { store } = this.fence
    const lacking = await this.whyNotRestored(seen, loss)
    if (lacking) return lacking
    const why = whyRestored(loss, formatPosition(seen.watermark))
    this.current = `${why}; the store is being restored from MySQL`
    this.log.warn({ store, reason: this.current }, 'the store is fenced')
    const claim = async () => {
      // Another process may have restored it since the look: what it sold by now must not be cleared.
      const { open, generation, epoch } = await this.fence.head()
      if (open && generation >= seen.generation && epoch >= seen.watermark.epoch) return undefined
      return this.ledger.claimNextEpoch(seen)
    }
    const result = await restoreStore(this.fence, this.ledger, claim, this.owner, this.settings)
    if (!result) return `${why}; another process restores the store from MySQL`
    this.restored++
    this.log.warn({ store, ...result }, 'the store was restored from MySQL')
    return undefined
  }
}

/** What a client may read of what kept the store from being compared or restored. */
function whyFailed(error: unknown): string {
  if (error instanceof DamagedRowError) return error.message
  if (error instanceof BrokenScriptError) {
    const [, what] =
      /the ((?:record of reservation|counts of) \S+) (?:is|are) malformed/.exec(error.message) ?? []
    return what
      ? `MySQL's ${what} cannot be written to Redis; mend the row from a backup`
      : 'what MySQL holds cannot be written to Redis, and the log says what'
  }
  if (lacksTables(error))
    return 'the tables in MySQL are missing or of an older version: run "holdfast migrate"'
  return 'Redis or MySQL does not answer, so they cannot be compared'
}

/** What a server has lost. */
type Loss = 'empty' | 'given-back' | { behindAt: string } | { turnedAt: string }

function isLoss(verdict: Verdict): verdict is Exclude<Loss, 'given-back'> {
  return verdict === 'empty' || (typeof verdict === 'object' && !('aheadAt' in verdict))
}

function whyRestored(loss: Loss, at: string): string {
  if (loss === 'empty') return `Redis was empty and MySQL holds the ledger up to ${at}`
  if (loss === 'given-back') return 'the store was given to this Redis server by hand'
  if ('behindAt' in loss) return `Redis was at ${loss.behindAt}, behind MySQL at ${at}`
  return `Redis was a replica meanwhile, and what it holds at ${loss.turnedAt} may be another history`
}

const notRewritten =
  'Redis has not written its append-only file anew yet: should it have been torn, starting again now may bring lost writes back'
const changed = 'the ledger in Redis has changed meanwhile'
const replica = 'the connected Redis server is a replica of another one'
const superseded = 'another Redis server has taken the store over from this one'
