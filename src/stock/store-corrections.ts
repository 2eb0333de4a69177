import type { Redis } from 'ioredis'
import { type Position, parsePosition } from '../domain/position.js'
import { formatRecord, type Reservation } from '../domain/reservation.js'
import type { Counts } from '../domain/stock.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'
import { StoreClosedError } from './store-survey.js'

/** The position of the entry that made the correction, or why none was made. */
export type Correction =
  | {
      position: Position
      /** Units that were taken and by the ledger were not there. */
      short?: number
    }
  | {
      unrepaired: string
      /** Whether a newer reading may well do. */
      isOutdated?: boolean
    }

/** What a correction rests on: what a run of the reconciler saw at a position, and who wants it. */
export interface Reading {
  /** Names the run. */
  run: string
  position: Position
  /** Who asked for the run, for the ledger. */
  actor?: string | undefined
}

/**
 * Corrects a store by ledger entries of the kind `correct`.
 *
 * A correction is refused when the store was restored since the reading, or corrected by another
 * run, or when what it would replace is not what was seen; so two runs at once apply the same
 * difference once. Nothing is tried a second time: after an unknown outcome the method rejects with
 * StoreClosedError, and the next run looks anew.
 */
export class StoreCorrections {
  private readonly scripts: StoreScripts

  constructor(redis: Redis, store: string) {
    this.scripts = new StoreScripts(redis, store)
  }

  /**
   * Adds to a SKU's counts what the ledger's at the position had more than Redis' (`seen`).
   *
   * @param truth with less than nothing available where more was taken than there was; then nothing is.
   */
  async correctCounts(
    reading: Reading,
    sku: string,
    seen: string,
    truth: Counts,
    reason: string,
  ): Promise<Correction> {
    const counts = `${truth.available} ${truth.held} ${truth.sold}`
    return this.apply('correct', reading, [sku, seen, counts, reason])
  }

  /** Writes a reservation's true record in place of the one seen ('' when there was none). */
  async mendReservation(
    reading: Reading,
    seen: string,
    truth: Reservation,
    reason: string,
  ): Promise<Correction> {
    return this.apply('mend', reading, [truth.id, seen, formatRecord(truth), reason])
  }

  /**
   * Drops a record that the ledger does not have ('' for none), its deadline and its end. It is in no ledger,
   * so no entry is made.
   */
  async drop(reading: Reading, id: string, seen: string): Promise<Correction> {
    return this.apply('mend', reading, [id, seen, seen === '' ? '' : 'none', ''])
  }

  private async apply(
    name: 'correct' | 'mend',
    reading: Reading,
    args: readonly (string | number)[],
  ): Promise<Correction> {
    const { run, position, actor = '' } = reading
    let reply: string
    try {
      const all = [run, position.epoch, position.sequence, ...args, actor]
      reply = (await this.scripts.run(name, all))[0] ?? ''
    } catch (error) {
      // The script failed before its first write: other damage is in its way.
      if (error instanceof BrokenScriptError) return { unrepaired: error.message.slice(0, 200) }
      throw error
    }
    const [outcome = '', entry = '', short] = reply.split('\t')
    switch (outcome) {
      case 'corrected':
        return { position: parsePosition(entry) as Position, short: Number(short) }
      case 'mended':
        return { position: parsePosition(entry) as Position }
      case 'dropped':
        return { position }
      case 'store-fenced':
      case 'redis-unavailable':
      case 'memory-full':
        throw new StoreClosedError(outcome)
    }
    const sentence = unrepaired[outcome]
    if (!sentence) throw new BrokenScriptError(`${name} answered ${reply}`)
    return { unrepaired: sentence, ...(outcome === 'counted-since' && { isOutdated: true }) }
  }
}

const unrepaired: Readonly<Record<string, string>> = {
  outdated: 'the store was restored or corrected by another run meanwhile; run again',
  'changed-since': 'what is damaged was changed meanwhile; run again',
  'counted-since': 'a shelf of the store was counted meanwhile; run again',
  'would-be-negative': 'a count would become negative: more units were taken than the ledger has',
  'unknown-sku': 'Redis has no counts of one of its SKUs; run again once they are repaired',
  malformed: 'it cannot be written as a ledger entry',
}
