import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Position } from '../domain/position.js'
import type { Reservation, UnreadableReservation } from '../domain/reservation.js'
import { formatRecord } from '../domain/reservation.js'
import type { Stock } from '../domain/stock.js'
import { endLease, takeLease } from './lease.js'
import { scriptKeys } from './scripts.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'

export type Verdict =
  | 'verified'
  | 'empty'
  | 'superseded'
  | 'replica'
  | { behindAt: string }
  | { turnedAt: string }
  | { aheadAt: string; turnedAt?: string }

/** Between two looks at the rewriting of the append-only file. */
const rewriteLookMs = 20

/** The owner of a store, as MySQL names it. */
export interface Owner {
  /** Run id. */
  server: string
  generation: number
}

/** An owner, and the last one that was opened: data that knows of that one's takeover has all that was sold. */
export interface Ownership extends Owner {
  lastOpened: Owner
}

/** A keyed adjustment, and for how long its key is still remembered. */
export interface RememberedAdjustment {
  idempotencyKey: string
  sku: string
  quantity: number
  reason: string | undefined
  ttlMs: number
}

/** What a server's data says of itself. */
export interface StoreHead {
  /** Of the newest ledger entry; undefined when the server holds nothing of the store. */
  position: Position | undefined
  /** The newest epoch it knows of: of its ledger, or of a restore that has begun. */
  epoch: number
  /** How many takeovers it knows of. */
  generation: number
  /** Whether the connected server is verified, so that its stock can be changed. */
  open: boolean
  /** Whether another server has taken the store over from it. */
  superseded: boolean
}

/** A newer restore has begun or ended, or Redis failed: this one must not go on. */
export class RestoreInterruptedError extends Error {}

/**
 * The fence of a store in Redis: which server may change its stock, and how a server that lost the
 * store is given it back. Everything here happens while the scripts of the gate refuse to work.
 */
export class StoreFence {
  private readonly scripts: StoreScripts

  constructor(
    private readonly redis: Redis,
    readonly store: string,
  ) {
    this.scripts = new StoreScripts(redis, store)
  }

  /** The run id of the connected server. */
  server(): Promise<string> {
    return this.scripts.runId()
  }

  /** Whether the connected server is verified, so that its stock can be changed. */
  async isOpen(): Promise<boolean> {
    const verified = await this.redis.hget(this.scripts.keys.position, 'verified')
    return verified === (await this.scripts.runId())
  }

  /**
   * Has the server write its append-only file anew, and waits until it has. A server that found the file torn inside a
   * transaction cuts it, but leaves what the transaction began with: it would be carried out, together with the next
   * one, when the file is read again (valkey-io/valkey#4342).
   *
   * @returns false when it keeps no such file, refuses, or is not done within `waitMs`.
   */
  async rewriteAppendOnlyFile(waitMs: number): Promise<boolean> {
    if (!/^aof_enabled:1/m.test(await this.redis.info('persistence'))) return false
    const isAsked = await this.redis.bgrewriteaof().then(
      () => true,
      // Another process has asked for it, or it is written anyway.
      (error: unknown) => /in progress|scheduled/.test(String(error)),
    )
    const deadline = performance.now() + waitMs
    while (isAsked && performance.now() < deadline) {
      const now = await this.redis.info('persistence')
      if (!/^aof_rewrite_(in_progress|scheduled):1/m.test(now))
        return /^aof_last_bgrewrite_status:ok/m.test(now)
      await delay(rewriteLookMs)
    }
    return false
  }

  /** What the server's clock says, in ms: all times of reservations are by it. */
  async now(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time()
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
  }

  async head(): Promise<StoreHead> {
    const { epoch, sequence, generation, restoring, verified, superseded } = await this.redis.hgetall(
      this.scripts.keys.position,
    )
    return {
      position: epoch && sequence ? { epoch: Number(epoch), sequence: Number(sequence) } : undefined,
      epoch: Math.max(Number(epoch ?? 0), Number(restoring ?? 0)),
      generation: Number(generation ?? 0),
      open: verified === (await this.scripts.runId()),
      superseded: superseded !== undefined,
    }
  }

  /**
   * Whether the owner's ledger is sound. If so, with `prepare` its data notes that it is about to be opened, and
   * with `open` the fence is lifted. An open server that lost what MySQL holds is fenced.
   */
  async verify(owner: Ownership, watermark: Position, then: 'look' | 'prepare' | 'open'): Promise<Verdict> {
    const { server, generation, lastOpened } = owner
    const { epoch, sequence } = watermark
    const last = [lastOpened.generation, lastOpened.server] as const
    const reply = await this.run('verify', server, epoch, sequence, generation, then, ...last)
    const [outcome, at = ''] = reply.split('\t')
    if (outcome === 'verified' || outcome === 'empty' || outcome === 'superseded' || outcome === 'replica') {
      return outcome
    }
    if (outcome === 'behind') return { behindAt: at }
    if (outcome === 'turned') return { turnedAt: at }
    if (outcome === 'ahead') return { aheadAt: at }
    if (outcome === 'turned-ahead') return { aheadAt: at, turnedAt: at }
    throw new BrokenScriptError(`verify answered ${reply}`)
  }

  /** Fences a server for good: another one owns the store. */
  async supersede(server: string): Promise<void> {
    await this.run('supersede', server)
  }

  /** One process restores at a time; a lease, for nothing that must be right depends on it. */
  takeRestoreLease(owner: string, leaseMs: number): Promise<boolean> {
    return takeLease(this.redis, this.scripts.keys.restorer, owner, leaseMs)
  }

  endRestoreLease(owner: string): Promise<void> {
    return endLease(this.redis, this.scripts.keys.restorer, owner)
  }

  /** Begins a restore: drops what the server holds of the store. @throws RestoreInterruptedError */
  async clear(server: string, epoch: number): Promise<void> {
    this.expect('cleared', await this.run('clear', server, epoch))
  }

  /** The keys of all adjustments that the server remembers, in parts, some of them empty. */
  async *adjustmentKeys(): AsyncGenerator<string[]> {
    const pattern = this.scripts.keys.adjustment('*')
    for await (const keys of this.redis.scanStream({ match: pattern, count: 1000 })) yield keys as string[]
  }

  /** Drops what no step by itself can name: adjustments have keys of their own. @throws RestoreInterruptedError */
  async forgetAdjustments(server: string, epoch: number, keys: readonly string[]): Promise<void> {
    await this.writeAdjustments(
      server,
      epoch,
      keys.map((key) => ({ key, text: '', ttlMs: 0 })),
    )
  }

  /** @throws RestoreInterruptedError */
  async restoreStock(server: string, epoch: number, stock: readonly Stock[]): Promise<void> {
    const args = stock.flatMap(({ sku, available, held, sold }) => [
      'stock',
      sku,
      `${available} ${held} ${sold}`,
      '',
      '',
    ])
    this.expect('restored', await this.run('restore', server, epoch, ...args))
  }

  /** @throws RestoreInterruptedError */
  async restoreReservations(
    server: string,
    epoch: number,
    reservations: readonly (Reservation | UnreadableReservation)[],
  ): Promise<void> {
    const args = reservations.flatMap((reservation) => [
      reservation.state,
      reservation.id,
      reservation.state === 'unreadable' ? '' : formatRecord(reservation),
      reservation.state === 'unreadable'
        ? reservation.closedAtMs
        : (reservation.closedAtMs ?? reservation.expiresAtMs),
      reservation.idempotencyKey ?? '',
    ])
    this.expect('restored', await this.run('restore', server, epoch, ...args))
  }

  /** Remembers again what was adjusted under keys, for the rest of their retention. @throws RestoreInterruptedError */
  async restoreAdjustments(
    server: string,
    epoch: number,
    adjustments: readonly RememberedAdjustment[],
  ): Promise<void> {
    const rows = adjustments.map(({ idempotencyKey, sku, quantity, reason, ttlMs }) => ({
      key: this.scripts.keys.adjustment(idempotencyKey),
      text: `${sku}\t${quantity}\t${reason ?? ''}`,
      ttlMs,
    }))
    await this.writeAdjustments(server, epoch, rows)
  }

  /** Ends a restore: the ledger goes on after the position in the new epoch. @throws RestoreInterruptedError */
  async open(owner: Owner, position: Position, restorer: string): Promise<void> {
    const { server, generation } = owner
    const { epoch, sequence } = position
    this.expect('opened', await this.run('open', server, epoch, sequence, generation, restorer))
  }

  private async writeAdjustments(
    server: string,
    epoch: number,
    rows: readonly { key: string; text: string; ttlMs: number }[],
  ): Promise<void> {
    const args = rows.flatMap(({ text, ttlMs }) => ['adjustment', '', text, ttlMs, ''])
    const keys = [...scriptKeys.restore.map((key) => this.scripts.keys[key]), ...rows.map(({ key }) => key)]
    const reply = (await this.scripts.run('restore', [epoch, ...args], keys, server))[0] ?? ''
    this.expect('restored', this.answered(reply))
  }

  private async run(
    name: 'verify' | 'supersede' | 'clear' | 'restore' | 'open',
    server: string,
    ...args: (string | number)[]
  ): Promise<string> {
    return this.answered((await this.scripts.run(name, args, undefined, server))[0] ?? '')
  }

  private answered(reply: string): string {
    if (reply === 'redis-unavailable') throw new Error('Redis did not answer')
    if (reply === 'other-server') throw new Error('the connection leads to another Redis server by now')
    return reply
  }

  private expect(done: string, reply: string): void {
    if (reply !== done) throw new RestoreInterruptedError(`the restore was interrupted: ${reply}`)
  }
}
