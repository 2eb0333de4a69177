import fc from 'fast-check'
import type { Answer } from '../support/shopper.js'
import type { ModelCart, ModelReservation, Outcome, StockModel } from './stock-model.js'
import type { StoreUnderTest } from './store-under-test.js'

export type Command = fc.AsyncCommand<StockModel, StoreUnderTest>

/** A call that is answered: what the model says to it, and how to make it. */
interface Call {
  expect(model: StockModel, real: StoreUnderTest): Outcome
  /** Sends it; reservations are named by their place among the model's. */
  send(real: StoreUnderTest, chosen: ModelReservation): Promise<Answer>
  /** Which of the reservations it is about, if it is about one. */
  readonly pick?: number
  toString(): string
}

/**
 * One call, or several that are sent in the same turn: those go to Redis as one batch, which judges
 * them in order, so that the model takes them one after the other.
 */
class Calls implements Command {
  constructor(private readonly calls: readonly Call[]) {}

  check(model: Readonly<StockModel>): boolean {
    return this.calls.every(({ pick }) => pick === undefined || model.reservations.length > 0)
  }

  async run(model: StockModel, real: StoreUnderTest): Promise<void> {
    const chosen = this.calls.map(({ pick }) => choose(model, pick ?? 0))
    const outcomes = this.calls.map((call) => call.expect(model, real))
    const answers = await Promise.all(
      this.calls.map((call, i) => call.send(real, chosen[i] as ModelReservation)),
    )
    for (const [i, outcome] of outcomes.entries()) real.check(outcome, answers[i] as Answer, model)
    await real.checkAll(model)
  }

  toString(): string {
    return this.calls.join(' + ')
  }
}

function choose(model: Readonly<StockModel>, pick: number): ModelReservation {
  return model.reservations[pick % model.reservations.length] as ModelReservation
}

class Reserve implements Call {
  constructor(
    private readonly lines: readonly { sku: string; quantity: number }[],
    private readonly ttlSeconds: number,
    private readonly key: string | undefined,
  ) {}

  expect(model: StockModel, real: StoreUnderTest): Outcome {
    return model.reserve(this.cart(real), this.key)
  }

  send(real: StoreUnderTest): Promise<Answer> {
    const lines = this.lines.map(({ sku, quantity }) => ({ sku: real.name(sku), quantity }))
    const key = this.key === undefined ? undefined : real.name(this.key)
    return real.shopper.reserve({ lines, ttlSeconds: this.ttlSeconds, customerId: 'customer-1' }, key)
  }

  /** As the contract reads it: lines of one SKU are one. */
  private cart(real: StoreUnderTest): ModelCart {
    const quantities: Record<string, number> = {}
    for (const { sku, quantity } of this.lines) {
      quantities[real.name(sku)] = (quantities[real.name(sku)] ?? 0) + quantity
    }
    const lines = Object.keys(quantities)
      .sort()
      .map((sku) => ({ sku, quantity: quantities[sku] as number }))
    return { lines, ttlSeconds: this.ttlSeconds, customerId: 'customer-1' }
  }

  toString(): string {
    const lines = this.lines.map(({ sku, quantity }) => `${quantity} ${sku}`).join(', ')
    return `reserve(${lines}; ${this.ttlSeconds} s${this.key ? `; key ${this.key}` : ''})`
  }
}

class Confirm implements Call {
  constructor(
    readonly pick: number,
    private readonly paymentRef: string | undefined,
    private readonly ifExpired: 'refuse' | 'reacquire' | undefined,
  ) {}

  expect(model: StockModel): Outcome {
    return model.confirm(choose(model, this.pick), this.paymentRef, this.ifExpired ?? 'refuse')
  }

  send(real: StoreUnderTest, chosen: ModelReservation): Promise<Answer> {
    return real.shopper.confirm(real.id(chosen), {
      ...(this.paymentRef !== undefined && { paymentRef: this.paymentRef }),
      ...(this.ifExpired && { ifExpired: this.ifExpired }),
    })
  }

  toString(): string {
    return `confirm(#${this.pick}, ${this.paymentRef}, ${this.ifExpired})`
  }
}

class Release implements Call {
  constructor(readonly pick: number) {}

  expect(model: StockModel): Outcome {
    return model.release(choose(model, this.pick))
  }

  send(real: StoreUnderTest, chosen: ModelReservation): Promise<Answer> {
    return real.shopper.release(real.id(chosen))
  }

  toString(): string {
    return `release(#${this.pick})`
  }
}

class Extend implements Call {
  constructor(
    readonly pick: number,
    private readonly ttlSeconds: number,
  ) {}

  expect(model: StockModel): Outcome {
    return model.extend(choose(model, this.pick), this.ttlSeconds)
  }

  send(real: StoreUnderTest, chosen: ModelReservation): Promise<Answer> {
    return real.shopper.extend(real.id(chosen), this.ttlSeconds)
  }

  toString(): string {
    return `extend(#${this.pick}, ${this.ttlSeconds} s)`
  }
}

class SetStock implements Call {
  constructor(
    private readonly sku: string,
    private readonly onHand: number,
  ) {}

  expect(model: StockModel, real: StoreUnderTest): Outcome {
    return model.set(real.name(this.sku), this.onHand)
  }

  send(real: StoreUnderTest): Promise<Answer> {
    return real.shopper.set(real.name(this.sku), this.onHand)
  }

  toString(): string {
    return `set(${this.sku}, ${this.onHand})`
  }
}

class Adjust implements Call {
  constructor(
    private readonly sku: string,
    private readonly quantity: number,
    private readonly key: string | undefined,
  ) {}

  expect(model: StockModel, real: StoreUnderTest): Outcome {
    return model.adjust(real.name(this.sku), this.quantity, this.key)
  }

  send(real: StoreUnderTest): Promise<Answer> {
    const key = this.key === undefined ? undefined : real.adjustmentKey(this.key)
    return real.shopper.adjust(real.name(this.sku), this.quantity, key)
  }

  toString(): string {
    return `adjust(${this.sku}, ${this.quantity}${this.key ? `; key ${this.key}` : ''})`
  }
}

/** What the service does by itself. */
class Step implements Command {
  constructor(
    private readonly name: string,
    private readonly change: (model: StockModel) => void,
    private readonly act: (real: StoreUnderTest) => Promise<void>,
  ) {}

  check(): boolean {
    return true
  }

  async run(model: StockModel, real: StoreUnderTest): Promise<void> {
    this.change(model)
    await this.act(real)
    await real.checkAll(model)
  }

  toString(): string {
    return this.name
  }
}

function passTime(seconds: number): Step {
  return new Step(
    `pass ${seconds} s`,
    (model) => model.passTime(seconds),
    (real) => real.passTime(seconds),
  )
}

const step = {
  expire: new Step(
    'expire',
    (model) => model.expire(),
    (real) => real.expire(),
  ),
  forget: new Step(
    'forget',
    (model) => model.forget(),
    (real) => real.forget(),
  ),
  persist: new Step(
    'persist',
    (model) => model.persist(),
    (real) => real.persist(),
  ),
}

/**
 * Few SKUs, keys, payments and times, so that calls meet. All times are whole minutes: what the real
 * clock adds while a run lasts never decides anything but a tie, which it decides as "later".
 */
const minute = 60
const sku = fc.constantFrom('A', 'B', 'C')
const minutes = fc.integer({ min: 1, max: 4 }).map((count) => count * minute)
const key = fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined })
const pick = fc.nat({ max: 30 })
const lines = fc.array(fc.record({ sku, quantity: fc.integer({ min: 1, max: 4 }) }), {
  minLength: 1,
  maxLength: 3,
})

const reserve = fc.tuple(lines, minutes, key).map((args) => new Reserve(...args))
const confirm = fc
  .tuple(
    pick,
    fc.option(fc.constantFrom('p1', 'p2'), { nil: undefined }),
    fc.option(fc.constantFrom('refuse' as const, 'reacquire' as const), { nil: undefined }),
  )
  .map((args) => new Confirm(...args))
const release = pick.map((number) => new Release(number))
const extend = fc.tuple(pick, minutes).map((args) => new Extend(...args))
const setStock = fc.tuple(sku, fc.integer({ min: 0, max: 20 })).map((args) => new SetStock(...args))
const adjust = fc.tuple(sku, fc.constantFrom(-7, -2, -1, 1, 3), key).map((args) => new Adjust(...args))

const one = (call: fc.Arbitrary<Call>) => call.map((only) => new Calls([only]))
const many = (call: fc.Arbitrary<Call>) =>
  fc.array(call, { minLength: 2, maxLength: 6 }).map((calls) => new Calls(calls))

/** The more likely ones are named more often. */
export const commands: fc.Arbitrary<Command>[] = [
  one(setStock),
  one(reserve),
  one(reserve),
  many(reserve),
  one(confirm),
  many(confirm),
  one(release),
  many(release),
  one(extend),
  many(extend),
  one(adjust),
  minutes.map(passTime),
  fc.constantFrom(step.expire, step.forget, step.persist),
  fc.constant(step.persist),
]
