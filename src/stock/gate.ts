import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { countMax } from '../domain/limits.js'
import { isRefusal, type Refusal, type RefusalCode, type ShortLine } from '../domain/outcomes.js'
import { type Position, parsePosition } from '../domain/position.js'
import {
  formatRequest,
  parseRecord,
  type Reservation,
  type ReservationRequest,
} from '../domain/reservation.js'
import type { Stock } from '../domain/stock.js'
import { type GateObserver, type GatePassage, nobody } from './gate-observer.js'
import type { ScriptName } from './scripts.js'
import { BrokenScriptError, StoreScripts } from './store-scripts.js'
import { TurnBatcher } from './turn-batcher.js'

export interface GateLimits {
  batchCallsMax: number
  batchLinesMax: number
  batchesInFlightMax: number
  callsWaitingMax: number
  /** From creation; bounds what extensions can add up to. */
  holdSecondsMax: number
  /** How long the key of an adjustment is remembered. */
  retentionSeconds: number
}

/**
 * The only writer of a store's stock. Every method is one of the Lua scripts; its calls of one turn
 * of the event loop go to Redis as one EVALSHA, each judged by itself.
 *
 * Refusals are returned. Rejections mean that Redis failed in a way the contract does not name.
 */
export class StockGate {
  private readonly scripts: StoreScripts
  private readonly reserves: TurnBatcher<ReserveCall, Held | Judged>
  private readonly confirms: TurnBatcher<readonly [string, string, string], Judged>
  private readonly releases: TurnBatcher<readonly [string], Judged>
  private readonly extensions: TurnBatcher<readonly [string, number], Judged>

  constructor(
    redis: Redis,
    readonly store: string,
    private readonly limits: GateLimits,
    private readonly observer: GateObserver = nobody,
  ) {
    this.scripts = new StoreScripts(redis, store)
    this.reserves = this.batcher((calls) => this.runReserves(calls))
    this.confirms = this.batcher((calls) => this.runBatch('confirm', [], calls))
    this.releases = this.batcher((calls) => this.runBatch('release', [], calls))
    const holdMsMax = limits.holdSecondsMax * 1000
    this.extensions = this.batcher((calls) => this.runBatch('extend', [holdMsMax], calls))
  }

  /** How many calls of each script wait for a step of it. */
  get waiting(): Readonly<Record<'reserve' | 'confirm' | 'release' | 'extend', number>> {
    const { reserves, confirms, releases, extensions } = this
    return {
      reserve: reserves.size,
      confirm: confirms.size,
      release: releases.size,
      extend: extensions.size,
    }
  }

  /**
   * Holds the units of a cart. `replayed` tells that the key had made this reservation before.
   *
   * @param passage told when the call was sent and answered, as with every other method.
   */
  async reserve(
    request: ReservationRequest,
    idempotencyKey: string | undefined,
    passage?: GatePassage,
  ): Promise<(ReservationOn & { replayed: boolean }) | Refusal> {
    if (this.reserves.full) return this.told('reserve', '', overloaded)
    const id = newReservationId()
    const call = [id, idempotencyKey ?? '', formatRequest(request)] as const
    const judged = await this.reserves.add(call, request.lines.length, passage)
    const { server } = judged
    if ('atMs' in judged) {
      const reservation = newReservation(id, request, idempotencyKey, judged)
      return this.told('reserve', 'reserved', { reservation, server, replayed: false })
    }
    const [outcome, rest] = splitReply(judged.reply)
    if (outcome === 'replayed') {
      const [firstId, record] = splitReply(rest)
      const reservation = readReservation(firstId, record)
      return this.told('reserve', 'replayed', { reservation, server, replayed: true })
    }
    return this.told('reserve', '', refusal(outcome, rest))
  }

  /** Sells the units of a held reservation, or, with `reacquire`, of one that expired. */
  async confirm(
    id: string,
    paymentRef: string | undefined,
    ifExpired: 'refuse' | 'reacquire',
    passage?: GatePassage,
  ): Promise<ReservationOn | Refusal> {
    if (this.confirms.full) return this.told('confirm', '', overloaded)
    const judged = await this.confirms.add([id, paymentRef ?? '', ifExpired], 1, passage)
    return this.told('confirm', 'confirmed', changed(id, 'confirmed', judged))
  }

  async release(id: string, passage?: GatePassage): Promise<ReservationOn | Refusal> {
    if (this.releases.full) return this.told('release', '', overloaded)
    const judged = await this.releases.add([id], 1, passage)
    return this.told('release', 'released', changed(id, 'released', judged))
  }

  /** Gives a held reservation a deadline `ttlSeconds` from now, if that is later than it has. */
  async extend(id: string, ttlSeconds: number, passage?: GatePassage): Promise<ReservationOn | Refusal> {
    if (this.extensions.full) return this.told('extend', '', overloaded)
    const judged = await this.extensions.add([id, ttlSeconds], 1, passage)
    return this.told('extend', 'extended', changed(id, 'extended', judged))
  }

  /**
   * Refuses the calls to reserve that wait for Redis, and with `everything` those that settle a hold,
   * too: none of them was sent, so nothing was changed.
   */
  shedWaiting(shedding: 'unsettling' | 'everything'): void {
    const shed: Judged = { reply: 'overloaded', server: '' }
    this.reserves.answerWaiting(shed)
    if (shedding === 'unsettling') return
    for (const batcher of [this.confirms, this.releases, this.extensions]) batcher.answerWaiting(shed)
  }

  /**
   * Makes the stock on hand of a SKU what was counted; creates the SKU when it is new.
   *
   * @param actor who does it, for the ledger.
   */
  async setStock(
    sku: string,
    onHand: number,
    actor?: string,
    passage?: GatePassage,
  ): Promise<(StockAt & { created: boolean }) | Refusal> {
    const { replies } = await this.run('set', [sku, onHand, actor ?? ''], 1, undefined, passage)
    const [outcome, rest] = splitReply(only(replies))
    if (outcome === 'created' || outcome === 'counted') {
      return this.told('set', outcome, { ...readStockAt(sku, rest), created: outcome === 'created' })
    }
    return this.told('set', '', refusal(outcome, rest))
  }

  /**
   * Adds units, which may be negative, to what is available of a SKU.
   *
   * @param actor who does it, for the ledger.
   */
  async adjustStock(
    sku: string,
    quantity: number,
    reason: string | undefined,
    idempotencyKey: string | undefined,
    actor?: string,
    passage?: GatePassage,
  ): Promise<(StockAt & { replayed: boolean }) | Refusal> {
    const { position, stock, ledger, adjustment } = this.scripts.keys
    const keys = [position, stock, ledger, adjustment(idempotencyKey ?? '')]
    const { retentionSeconds } = this.limits
    const args = [sku, quantity, reason ?? '', idempotencyKey ?? '', retentionSeconds, countMax, actor ?? '']
    const { replies } = await this.run('adjust', args, 1, keys, passage)
    const [outcome, rest] = splitReply(only(replies))
    if (outcome === 'adjusted' || outcome === 'replayed') {
      return this.told('adjust', outcome, { ...readStockAt(sku, rest), replayed: outcome === 'replayed' })
    }
    return this.told('adjust', '', refusal(outcome, rest))
  }

  /**
   * Expires reservations that are due, the oldest first, of the first `limit` beyond those left out.
   *
   * @param leftOut how many of the first deadlines were found to be damaged.
   * @returns how many, by how many ms the oldest was overdue, and the next deadline.
   */
  async expire(limit: number, leftOut = 0): Promise<ExpireResult | Refusal> {
    const { replies: reply } = await this.run('expire', [limit, leftOut], 1)
    if (reply.length === 1) return refusal(only(reply), '')
    const [expired, overdueMs, nextDeadline, left, example] = reply as [
      string,
      string,
      string,
      string,
      string,
    ]
    return {
      expired: Number(expired),
      overdueMs: Number(overdueMs),
      nextDeadlineMs: nextDeadline === '' ? undefined : Number(nextDeadline),
      ...readDamage(left, example),
    }
  }

  /**
   * Drops reservations from Redis that ended longer ago than the retention and that MySQL holds, of the
   * first `limit` beyond those left out.
   *
   * @param leftOut how many of the first ones were found to be damaged.
   */
  async forget(watermark: Position, limit: number, leftOut = 0): Promise<ForgetResult | Refusal> {
    const retentionMs = this.limits.retentionSeconds * 1000
    const args = [retentionMs, watermark.epoch, watermark.sequence, limit, leftOut]
    const { replies: reply } = await this.run('forget', args, 1)
    if (reply.length === 1) return refusal(only(reply), '')
    const [forgotten, left, example] = reply as [string, string, string]
    return { forgotten: Number(forgotten), ...readDamage(left, example) }
  }

  private batcher<Call, Reply>(run: (calls: Call[]) => Promise<Reply[]>): TurnBatcher<Call, Reply> {
    return new TurnBatcher<Call, Reply>(run, {
      callsMax: this.limits.batchCallsMax,
      weightMax: this.limits.batchLinesMax,
      inFlightMax: this.limits.batchesInFlightMax,
      waitingMax: this.limits.callsWaitingMax,
    })
  }

  /** Runs a script and tells how long it took; calls of a batch have their passage noted by the batch. */
  private async run(
    name: ScriptName,
    args: readonly (string | number)[],
    calls: number,
    keys?: readonly string[],
    passage?: GatePassage,
  ): Promise<{ replies: string[]; server: string }> {
    const sentMs = performance.now()
    const answer = await this.scripts.runOnServer(name, args, keys)
    const answeredMs = performance.now()
    this.observer.ran(name, calls, answeredMs - sentMs)
    if (passage) Object.assign(passage, { sentMs, answeredMs, calls })
    return answer
  }

  /** @param done what the call was told unless it was refused. */
  private told<Result extends object>(script: ScriptName, done: string, result: Result): Result {
    this.observer.judged(script, isRefusal(result) ? result.refused : done)
    return result
  }

  /** The units of each call are held from the script's time on, by the next entry of the ledger. */
  private async runReserves(calls: readonly ReserveCall[]): Promise<(Held | Judged)[]> {
    const args: string[] = []
    for (const call of calls) args.push(call[0], call[1], call[2])
    const { replies: all, server } = await this.run('reserve', args, calls.length)
    const [header = '', ...replies] = all
    if (replies.length === 0) return calls.map(() => ({ reply: header, server }))
    if (replies.length !== calls.length) {
      throw new BrokenScriptError(`reserve answered ${replies.length} of ${calls.length} calls`)
    }
    const [atMs, epoch, before] = header.split('\t').map(Number) as [number, number, number]
    let sequence = before
    return replies.map((reply) =>
      reply === 'reserved' ? { atMs, position: { epoch, sequence: ++sequence }, server } : { reply, server },
    )
  }

  private async runBatch(
    name: ScriptName,
    leading: readonly number[],
    calls: readonly (readonly (string | number)[])[],
  ): Promise<Judged[]> {
    const args: (string | number)[] = [...leading]
    for (const call of calls) args.push(...call)
    const { replies, server } = await this.run(name, args, calls.length)
    if (replies.length === calls.length) return replies.map((reply) => ({ reply, server }))
    // What stops a whole batch is answered once.
    if (replies.length === 1) return calls.map(() => ({ reply: only(replies), server }))
    throw new BrokenScriptError(`${name} answered ${replies.length} of ${calls.length} calls`)
  }
}

/** More calls wait than may. */
const overloaded: Refusal = { refused: 'overloaded' }

type ReserveCall = readonly [id: string, idempotencyKey: string, request: string]

/** When units were held, and the entry that did it, in the ledger of that server. */
interface Held {
  atMs: number
  position: Position
  server: string
}

/** A script's reply to a call, and the server that gave it. */
interface Judged {
  reply: string
  server: string
}

/**
 * A reservation, and the run id of the server that told it: its position is one of that server's
 * ledger. Another server may have another entry there.
 */
export interface ReservationOn {
  reservation: Reservation
  server: string
}

/** Counts of a SKU, and the position they are true at. */
export interface StockAt {
  stock: Stock
  position: Position
}

/** Reservations that a step came upon and left, because their records or counts cannot be read. */
interface Damage {
  damaged: number
  /** The id of one of them. */
  damagedId: string | undefined
}

export interface ForgetResult extends Damage {
  forgotten: number
}

export interface ExpireResult extends Damage {
  expired: number
  overdueMs: number
  nextDeadlineMs: number | undefined
}

/**
 * A UUID of version 7 (RFC 9562): its first 48 bits are the time, so that MySQL appends new
 * reservations at the end of its index; the other 74 are random, so that nobody guesses an id.
 */
function newReservationId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

function readDamage(count: string, id: string): Damage {
  return { damaged: Number(count), damagedId: id === '' ? undefined : id }
}

function only(replies: string[]): string {
  return replies[0] ?? ''
}

/** Splits `outcome TAB rest`; the rest is empty when there is none. */
function splitReply(reply: string): [outcome: string, rest: string] {
  const tab = reply.indexOf('\t')
  return tab < 0 ? [reply, ''] : [reply.slice(0, tab), reply.slice(tab + 1)]
}

function changed(id: string, done: string, { reply, server }: Judged): ReservationOn | Refusal {
  const [outcome, rest] = splitReply(reply)
  return outcome === done ? { reservation: readReservation(id, rest), server } : refusal(outcome, rest)
}

function newReservation(
  id: string,
  request: ReservationRequest,
  idempotencyKey: string | undefined,
  { atMs, position }: Held,
): Reservation {
  return {
    id,
    state: 'held',
    position,
    createdAtMs: atMs,
    expiresAtMs: atMs + request.ttlSeconds * 1000,
    closedAtMs: undefined,
    reacquired: false,
    paymentRef: undefined,
    idempotencyKey,
    ttlSeconds: request.ttlSeconds,
    lines: request.lines,
    customerId: request.customerId,
    orderId: request.orderId,
  }
}

function readReservation(id: string, record: string): Reservation {
  const reservation = parseRecord(id, record)
  if (!reservation) throw new BrokenScriptError(`reservation ${id} has a malformed record`)
  return reservation
}

/** Reads `position TAB available TAB held TAB sold`. */
function readStockAt(sku: string, text: string): StockAt {
  const [position, counts] = splitReply(text)
  const [available, held, sold] = counts.split('\t').map(Number) as [number, number, number]
  return { stock: { sku, available, held, sold }, position: readPosition(position) }
}

function readPosition(text: string): Position {
  const position = parsePosition(text)
  if (!position) throw new BrokenScriptError(`"${text}" is not a position`)
  return position
}

/** @param rest `position TAB what the refusal tells`; nothing when the script was not run. */
function refusal(outcome: string, rest: string): Refusal {
  switch (outcome as RefusalCode) {
    case 'store-fenced':
    case 'memory-full':
    case 'redis-unavailable':
    case 'overloaded':
      return { refused: outcome as 'store-fenced' }
  }
  if (outcome === 'unreadable') {
    throw new BrokenScriptError(
      'the record or the counts of what was asked for cannot be read; "holdfast reconcile" names them',
    )
  }
  const [at, told] = splitReply(rest)
  const position = parsePosition(at)
  if (!position) throw new BrokenScriptError(`unknown outcome ${outcome}`)
  switch (outcome as RefusalCode | 'count-limit') {
    case 'insufficient-stock':
      return { refused: 'insufficient-stock', position, lines: told.split(',').map(readShortLine) }
    case 'unknown-sku':
      return { refused: 'unknown-sku', position, skus: told.split(',') }
    case 'below-held':
      return { refused: 'below-held', position, held: Number(told) }
    case 'extension-limit':
      return { refused: 'extension-limit', position, expiresAtMsMax: Number(told) }
    case 'count-limit':
      return { refused: 'invalid-request', position, detail: `the count would be above ${countMax}` }
    case 'unknown-reservation':
    case 'reservation-confirmed':
    case 'reservation-released':
    case 'reservation-expired':
    case 'payment-mismatch':
    case 'idempotency-key-reused':
      return { refused: outcome as 'unknown-reservation', position }
    default:
      throw new BrokenScriptError(`unknown outcome ${outcome}`)
  }
}

function readShortLine(text: string): ShortLine {
  const [sku, requested, available] = text.split(':') as [string, string, string]
  return { sku, requested: Number(requested), available: Number(available) }
}
