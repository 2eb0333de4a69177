import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { openDatabase } from '../ledger/database.js'
import { connectRedis } from '../stock/connection.js'
import { ReplayBoard, type ReplayState } from './replay-board.js'
import type { SaleSettings } from './sale-plan.js'
import { type ReplayOptions, removeReplay, replaySaleAtOnce, type UnitsLeft } from './sale-replay.js'

/** The store of replays. No service serves it, but for those that a replay starts. */
export const replayStore = 'replay-1212'

/** A sale takes some 12 s, and its service 3 to start; a machine under load takes longer for both. */
const replayMsMax = 60_000
/** Between two looks at what is left. */
const lookMs = 250

export interface ReplaysLog {
  warn(fields: object, message: string): void
}

type Servers = Pick<
  ReplayOptions,
  'redisUrl' | 'databaseUrl' | 'connectTimeoutMs' | 'commandTimeoutMs' | 'startService'
>

/**
 * Replays the sale for who watches it, one at a time and beside the service's own stores: in a store that
 * is removed afterwards, or, when the process died, before the next one.
 */
export class SaleReplays {
  private readonly stopping = new AbortController()
  private board: ReplayBoard | undefined
  private running: Promise<void> | undefined
  private changed = (_state: ReplayState) => {}

  constructor(
    private readonly servers: Servers,
    private readonly settings: SaleSettings,
    private readonly log: ReplaysLog,
  ) {}

  /** The newest one, which goes on or is done. */
  get newest(): ReplayState | undefined {
    return this.board?.state
  }

  /** Calls back whenever the state has changed. */
  follow(changed: (state: ReplayState) => void): void {
    this.changed = changed
  }

  /** @returns its state, or undefined when one goes on. */
  start(): ReplayState | undefined {
    if (this.running || this.stopping.signal.aborted) return undefined
    const board = new ReplayBoard(randomUUID(), this.settings.items)
    this.board = board
    this.running = this.run(board).finally(() => {
      this.running = undefined
      this.changed(board.state)
    })
    return board.state
  }

  /** Removes what a replay has left whose process died. */
  async removeLeftovers(): Promise<void> {
    const { redisUrl, databaseUrl, connectTimeoutMs } = this.servers
    const redis = await connectRedis(redisUrl, this.servers)
    const database = openDatabase(databaseUrl, { connectionsMax: 1, connectTimeoutMs })
    try {
      await removeReplay(redis, database, replayStore)
    } finally {
      redis.disconnect()
      await database.$disconnect()
    }
  }

  /** Ends the one that goes on, in order. */
  async stop(): Promise<void> {
    this.stopping.abort()
    await this.running
  }

  private async run(board: ReplayBoard): Promise<void> {
    const over = new AbortController()
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(replayMsMax)])
    const { settings, servers } = this
    const openProgress = (half: 'naive' | 'holdfast') => board.progress(half)
    const options = { ...servers, settings, store: replayStore, openProgress, signal }
    let looking = Promise.resolve()
    try {
      const replay = await replaySaleAtOnce(options, (left) => {
        board.begin()
        looking = this.lookUntil(over.signal, left, board)
      })
      over.abort()
      await looking
      board.finish(replay)
    } catch (error) {
      over.abort()
      await looking
      if (!this.stopping.signal.aborted) this.log.warn({ err: error }, 'the replay of the sale failed')
      board.fail(
        signal.aborted ? 'The replay was ended before its time.' : 'The replay failed; the log says why.',
      )
    }
  }

  private async lookUntil(over: AbortSignal, left: UnitsLeft, board: ReplayBoard): Promise<void> {
    while (!over.aborted) {
      const unknown = () => undefined
      const [naive, holdfast] = await Promise.all([
        left.naive().catch(unknown),
        left.holdfast().catch(unknown),
      ])
      if (over.aborted) return
      board.look(naive, holdfast)
      this.changed(board.state)
      await delay(lookMs, undefined, { signal: over }).catch(() => {})
    }
  }
}
