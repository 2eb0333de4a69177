import { expect } from 'vitest'
import type { Api } from '../../src/api.js'
import { comparePositions, formatPosition, type Position } from '../../src/domain/position.js'
import { LedgerWriter } from '../../src/ledger/ledger-writer.js'
import type { StockGate } from '../../src/stock/gate.js'
import { LedgerStream } from '../../src/stock/ledger-stream.js'
import { type Answer, Shopper } from '../support/shopper.js'
import { eventually, type TestStore } from '../support/test-store.js'
import type { ModelReservation, Outcome, StockModel } from './stock-model.js'

/** How far the service's times may be from the model's, whose clock stands still, in ms. */
const toleranceMs = 9_000

/** A blocked read ends up to 100 ms late in Redis; a run has no time for that. */
export class EagerStream extends LedgerStream {
  override async wait(after: Position): Promise<boolean> {
    return (await this.read(after, 1)).length > 0
  }

  /** Each step of a run has a writer of its own, and all share this stream. */
  override endWaiting(): void {}
}

/** The real service in one run of the model: SKUs and keys of its own, so that runs share a store. */
export class StoreUnderTest {
  readonly shopper: Shopper
  private readonly gate: StockGate
  private readonly ids: string[] = []
  private readonly adjustmentKeys = new Set<string>()

  constructor(
    readonly store: TestStore,
    private readonly api: Api,
    private readonly stream: EagerStream,
    private readonly run: number,
  ) {
    this.shopper = new Shopper(api.app)
    this.gate = this.services.gate
  }

  private get services() {
    const services = this.api.stores.get(this.store.name)
    if (!services) throw new Error('the API does not serve the store')
    return services
  }

  /** A name that no other run uses. */
  name(text: string): string {
    return `${text}-${this.run}`
  }

  id({ number }: { number: number }): string {
    return this.ids[number] as string
  }

  adjustmentKey(key: string): string {
    this.adjustmentKeys.add(this.name(key))
    return this.name(key)
  }

  /** Runs a ledger writer until MySQL holds everything and the API knows it. */
  async persist(): Promise<void> {
    const { ledger, reader, watermark } = this.services
    const settings = { linesMax: 1000, transactionMsMax: 20_000, lingerMs: 0, retryMs: 10, leaseMs: 1000 }
    const log = { info: () => {}, error: () => {} }
    const writer = new LedgerWriter(ledger, this.stream, settings, log)
    const end = await reader.position()
    if (!end || comparePositions(watermark.current, end) >= 0) return
    writer.start()
    await eventually(() => comparePositions(watermark.current, end) >= 0, `it holds ${formatPosition(end)}`)
    await writer.stop()
  }

  async expire(): Promise<void> {
    await this.gate.expire(1000)
  }

  async forget(): Promise<void> {
    await this.gate.forget(this.services.watermark.current, 1000)
  }

  /**
   * Lets time pass for the reservations of this run by moving all their times back, in the records
   * and in both sorted sets alike. Scripts only ever compare these times with Redis' clock, so to
   * them it is the same as a clock that moved on. Waiting for real would allow a few dozen steps in
   * the time in which this makes thousands; the real clock is waited for in test/expiry.
   */
  async passTime(seconds: number): Promise<void> {
    const { redis, keys } = this.store
    if (this.ids.length > 0) {
      const records = await redis.hmget(keys.reservations, ...this.ids)
      const change = redis.multi()
      for (const [i, record] of records.entries()) {
        if (record === null) continue
        const id = this.ids[i] as string
        const fields = record.split('\t')
        for (const field of [2, 3, 4]) {
          if (fields[field] !== '') fields[field] = String(Number(fields[field]) - seconds * 1000)
        }
        change.hset(keys.reservations, id, fields.join('\t'))
        if (fields[0] === 'held') change.zadd(keys.deadlines, fields[3] as string, id)
        else change.zadd(keys.finished, fields[4] as string, id)
      }
      await change.exec()
    }
    for (const key of this.adjustmentKeys) {
      const left = await redis.pttl(keys.adjustment(key))
      if (left > 0) await redis.pexpire(keys.adjustment(key), Math.max(0, left - seconds * 1000))
    }
  }

  /** Holds an answer against what the model says; remembers the id of a new reservation. */
  check(outcome: Outcome, answer: Answer, model: StockModel): void {
    if ('refused' in outcome) {
      const { type, ...fields } = answer.body
      expect({ type, fields }).toMatchObject({
        type: `urn:holdfast:${outcome.refused}`,
        fields: outcome.fields,
      })
      return
    }
    expect(answer).toMatchObject({ status: outcome.status, replayed: outcome.replayed ?? false })
    if ('sku' in outcome) {
      this.checkStock(outcome.sku, answer, model)
      return
    }
    const { number } = outcome.reservation
    if (answer.status === 201) this.ids[number] = answer.body.id
    expect(answer.body.id).toBe(this.ids[number])
  }

  /** Holds everything a client can see of this run against the model. */
  async checkAll(model: StockModel): Promise<void> {
    const { reservations } = model
    const stock = await Promise.all([...model.stock.keys()].map((sku) => this.shopper.stock(sku)))
    for (const [i, sku] of [...model.stock.keys()].entries()) this.checkStock(sku, stock[i] as Answer, model)
    const answers = await Promise.all(
      reservations.map((reservation) => this.shopper.read(this.id(reservation))),
    )
    for (const [i, reservation] of reservations.entries()) {
      this.checkReservation(reservation, answers[i] as Answer, model)
    }
  }

  private checkStock(sku: string, answer: Answer, model: StockModel): void {
    const { available, held, sold } = model.stock.get(sku) ?? { available: 0, held: 0, sold: 0 }
    expect(answer.body).toEqual({ sku, available, held, sold, onHand: available + held })
  }

  private checkReservation(reservation: ModelReservation, answer: Answer, model: StockModel): void {
    const { cart, state, paymentRef, reacquired, persisted, forgotten } = reservation
    const { createdAt, expiresAt, closedAt, ...rest } = answer.body
    expect(rest).toEqual({
      id: this.id(reservation),
      state,
      customerId: cart.customerId,
      lines: cart.lines,
      ...(paymentRef !== undefined && { paymentRef }),
      ...(reacquired && { reacquired }),
      persisted,
    })
    // MySQL has the times as they were before they were moved.
    if (forgotten) return
    const nowMs = Date.now()
    for (const [time, seconds] of [
      [createdAt, reservation.createdAt],
      [expiresAt, reservation.expiresAt],
      [closedAt, reservation.closedAt],
    ]) {
      expect(time === undefined).toBe(seconds === undefined)
      if (time === undefined) continue
      expect(Math.abs(Date.parse(time) - nowMs - (seconds - model.now) * 1000)).toBeLessThan(toleranceMs)
    }
  }
}
