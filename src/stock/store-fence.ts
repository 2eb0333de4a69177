import type { Redis } from 'ioredis'
import type { Position } from '../domain/position.js'
import type { Reservation } from '../domain/reservation.js'
import { formatRecord } from '../domain/reservation.js'
import type { Stock } from '../domain/stock.js'
import { endLease, takeLease } from './lease.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'

export type Verdict = 'verified' | 'empty' | 'superseded' | { behindAt: string }

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

  /** Whether another server has taken the store over from the connected one. */
  async isSuperseded(): Promise<boolean> {
    return (await this.redis.hexists(this.scripts.keys.position, 'superseded')) === 1
  }

  /** Opens the store on the connected server if its ledger is not behind MySQL's watermark. */
  async verify(watermark: Position): Promise<Verdict> {
    const reply = await this.run('verify', watermark.epoch, watermark.sequence)
    const [outcome, at = ''] = reply.split('\t')
    if (outcome === 'verified' || outcome === 'empty' || outcome === 'superseded') return outcome
    if (outcome === 'behind') return { behindAt: at }
    throw new BrokenScriptError(`verify answered ${reply}`)
  }

  /** Fences the connected server for good: another one owns the store. */
  async supersede(): Promise<void> {
    await this.run('supersede')
  }

  /** One process restores at a time; a lease, for nothing that must be right depends on it. */
  takeRestoreLease(owner: string, leaseMs: number): Promise<boolean> {
    return takeLease(this.redis, this.scripts.keys.restorer, owner, leaseMs)
  }

  endRestoreLease(owner: string): Promise<void> {
    return endLease(this.redis, this.scripts.keys.restorer, owner)
  }

  /** Begins a restore: drops what the server holds of the store. @throws RestoreInterruptedError */
  async clear(epoch: number): Promise<void> {
    this.expect('cleared', await this.run('clear', epoch))
  }

  /** @throws RestoreInterruptedError */
  async restoreStock(epoch: number, stock: readonly Stock[]): Promise<void> {
    const args = stock.flatMap(({ sku, available, held, sold }) => [
      'stock',
      sku,
      `${available} ${held} ${sold}`,
      '',
      '',
    ])
    this.expect('restored', await this.run('restore', epoch, ...args))
  }

  /** @throws RestoreInterruptedError */
  async restoreReservations(epoch: number, reservations: readonly Reservation[]): Promise<void> {
    const args = reservations.flatMap((reservation) => [
      reservation.state,
      reservation.id,
      formatRecord(reservation),
      reservation.closedAtMs ?? reservation.expiresAtMs,
      reservation.idempotencyKey ?? '',
    ])
    this.expect('restored', await this.run('restore', epoch, ...args))
  }

  /**
   * Remembers again what was adjusted under a key, for the rest of its retention. What Redis still
   * remembers stays; it says the same.
   */
  async restoreAdjustment(
    key: string,
    adjustment: { sku: string; quantity: number; reason: string | undefined },
    ttlMs: number,
  ): Promise<void> {
    const { sku, quantity, reason } = adjustment
    const text = `${sku}\t${quantity}\t${reason ?? ''}`
    await this.redis.set(this.scripts.keys.adjustment(key), text, 'PX', ttlMs, 'NX')
  }

  /** Ends a restore: the ledger goes on after the position in the new epoch. @throws RestoreInterruptedError */
  async open(position: Position): Promise<void> {
    this.expect('opened', await this.run('open', position.epoch, position.sequence))
  }

  private async run(
    name: 'verify' | 'supersede' | 'clear' | 'restore' | 'open',
    ...args: (string | number)[]
  ): Promise<string> {
    const reply = (await this.scripts.run(name, args))[0] ?? ''
    if (reply === 'redis-unavailable') throw new Error('Redis did not answer')
    return reply
  }

  private expect(done: string, reply: string): void {
    if (reply !== done) throw new RestoreInterruptedError(`the restore was interrupted: ${reply}`)
  }
}
