import { beforeAll, describe, expect, test } from 'vitest'
import { openBriefStore } from './support/brief-store.js'
import { expectInvariants } from './support/invariants.js'
import { randomNumbers, seedHint } from './support/seed.js'
import { type Answer, Shopper } from './support/shopper.js'
import { eventually, type TestStore } from './support/test-store.js'

const skus = ['CONSOLE', 'SNEAKER', 'TEE', 'MUG']
const unitsOfEach = 400
const shoppers = 6000
/** Calls that are under way together; the gate has thousands of them waiting. */
const atOnce = 1500

/**
 * What a crowd did, as it saw it: counted from the answers alone, so that it can be held against what
 * the service says.
 */
class Crowd {
  readonly units = new Map(skus.map((sku) => [sku, 0]))
  readonly sold = new Map(skus.map((sku) => [sku, 0]))
  readonly statuses = new Map<string, number>()
  /** Reservations whose customers pay when the deadline has passed. */
  readonly late: string[] = []
  reserved = 0
  private readonly random = randomNumbers()
  private turn = 0

  constructor(private readonly entrances: readonly Shopper[]) {}

  /** The instances in turns, so that every call may land on another one than the call before. */
  get entrance(): Shopper {
    return this.entrances[this.turn++ % this.entrances.length] as Shopper
  }

  count(call: string, { status }: Answer): void {
    const name = `${call} ${status}`
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1)
  }

  /** A shopper from the cart to whatever becomes of it. */
  async shop(number: number): Promise<void> {
    const cart = { lines: this.cart(), ttlSeconds: this.chance(0.3) ? 1 : 900, customerId: `c-${number}` }
    const id = await this.reserve(cart, this.chance(0.5) ? `order-${number}` : undefined)
    if (id === undefined) return
    this.reserved++
    const plan = this.random()
    if (plan < 0.15) {
      this.count('release', await this.entrance.release(id))
    } else if (plan < 0.3) {
      this.count('extend', await this.entrance.extend(id, 2))
    } else if (plan < 0.45) {
      if (cart.ttlSeconds === 1) this.late.push(id)
    } else {
      // Paid, and by an impatient storefront: twice at once, or while it is being cancelled.
      const second = plan < 0.6 ? this.entrance.release(id) : this.pay(id, 'refuse')
      const [paid, other] = await Promise.all([this.pay(id, 'refuse'), second])
      if (plan < 0.6) {
        this.count('release', other)
        // Both may be too late; both may not have happened.
        expect([paid.status < 300, other.status < 300]).not.toEqual([true, true])
      }
      const answer = paid.status < 300 ? paid : plan >= 0.6 && other.status < 300 ? other : undefined
      if (answer) this.addTo(this.sold, answer.body.lines)
    }
  }

  /** Reserves, half of the time by two instances at once under one key, which must be one effect. */
  async reserve(cart: Parameters<Shopper['reserve']>[0], key?: string): Promise<string | undefined> {
    const calls = [this.entrance.reserve(cart, key)]
    if (key) calls.push(this.entrance.reserve(cart, key))
    const answers = await Promise.all(calls)
    for (const answer of answers) this.count('reserve', answer)
    const made = answers.filter(({ status }) => status === 201)
    const ids = new Set(answers.flatMap(({ body }) => body.id ?? []))
    expect(made.length).toBeLessThanOrEqual(1)
    expect(ids.size).toBe(made.length)
    return [...ids][0]
  }

  async pay(id: string, ifExpired: 'refuse' | 'reacquire'): Promise<Answer> {
    const answer = await this.entrance.confirm(id, { paymentRef: `payment-${id}`, ifExpired })
    this.count('confirm', answer)
    return answer
  }

  /** Pays a reservation whose deadline has passed; its units are sold if they are still there. */
  async payLate(id: string): Promise<void> {
    const answer = await this.pay(id, 'reacquire')
    if (answer.status < 300) this.addTo(this.sold, answer.body.lines)
  }

  async restock(number: number): Promise<void> {
    const sku = skus[number % skus.length] as string
    const quantity = Math.floor(this.random() * 9) - 4 || 5
    const key = `count-${number}`
    const answers = await Promise.all([1, 2].map(() => this.entrance.adjust(sku, quantity, key)))
    for (const answer of answers) this.count('adjust', answer)
    if (answers.some(({ status }) => status === 200)) this.addTo(this.units, [{ sku, quantity }])
  }

  /** One to three lines over few SKUs, sometimes two of one SKU. */
  private cart(): { sku: string; quantity: number }[] {
    return Array.from({ length: 1 + Math.floor(this.random() * 3) }, () => ({
      sku: skus[Math.floor(this.random() * skus.length)] as string,
      quantity: 1 + Math.floor(this.random() * 3),
    }))
  }

  private chance(part: number): boolean {
    return this.random() < part
  }

  addTo(counts: Map<string, number>, lines: readonly { sku: string; quantity: number }[]): void {
    for (const { sku, quantity } of lines) counts.set(sku, (counts.get(sku) ?? 0) + quantity)
  }
}

/** Runs numbered tasks with at most `atOnce` of them under way. */
async function runAll(count: number, task: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane))
}

async function sales(store: TestStore): Promise<Map<string, number>> {
  const stock = await store.redis.hgetall(store.keys.stock)
  return new Map(Object.entries(stock).map(([sku, counts]) => [sku, Number(counts.split(' ')[2])]))
}

describe(`a crowd at the last units, through two instances and two workers (${seedHint})`, () => {
  let store: TestStore

  beforeAll(async () => {
    store = await openBriefStore({ confirmWaitMs: 5000 })
  })

  test('buys all of them and not one more', { timeout: 120_000 }, async () => {
    const entrances = [new Shopper((await store.api()).app), new Shopper((await store.api()).app)]
    await Promise.all([store.worker({ sweepMs: 500 }), store.worker({ sweepMs: 500 })])
    const crowd = new Crowd(entrances)
    for (const sku of skus) {
      expect((await crowd.entrance.set(sku, unitsOfEach)).status).toBe(201)
      crowd.addTo(crowd.units, [{ sku, quantity: unitsOfEach }])
    }

    await Promise.all([runAll(shoppers, (n) => crowd.shop(n)), runAll(80, (n) => crowd.restock(n))])
    expect(crowd.reserved).toBeGreaterThan(skus.length * 50)
    expect(await sales(store)).toEqual(crowd.sold)

    // Late payments compete with new customers for what has been given back.
    const state = (id: string) => crowd.entrance.read(id).then(({ body }) => body.state)
    for (const id of crowd.late) {
      await eventually(async () => (await state(id)) === 'expired', `${id} has expired`)
    }
    const buyOne = async (number: number) => {
      const sku = skus[number % skus.length] as string
      const id = await crowd.reserve({ lines: [{ sku, quantity: 1 }] })
      if (id === undefined) return
      expect((await crowd.pay(id, 'refuse')).status).toBe(200)
      crowd.addTo(crowd.sold, [{ sku, quantity: 1 }])
    }
    const lastSales = async () => {
      await eventually(async () => (await store.redis.zcard(store.keys.deadlines)) === 0, 'nothing is held')
      await Promise.all([
        runAll(2000, buyOne),
        runAll(crowd.late.length, (n) => crowd.payLate(crowd.late[n] as string)),
      ])
    }
    // What is held is extended to 2 s or to 15 minutes; the latter is released for the end.
    for (const id of await store.redis.zrange(store.keys.deadlines, '0', '-1')) {
      const answer = await crowd.entrance.release(id)
      expect([200, 409]).toContain(answer.status)
    }
    await lastSales()

    const { redis } = await expectInvariants(store)
    expect(await sales(store)).toEqual(crowd.sold)
    // Every unit there was is sold, and no other.
    expect(crowd.sold).toEqual(crowd.units)
    for (const [sku, counts] of redis.counts) {
      expect({ sku, ...counts }).toEqual({ sku, available: 0, held: 0, sold: crowd.units.get(sku) })
    }
    const failures = [...crowd.statuses].filter(([name]) => name.endsWith('500') || name.endsWith('503'))
    expect(failures).toEqual([])
    console.log(`${crowd.reserved} of ${shoppers} reserved;`, Object.fromEntries(crowd.statuses))
  })
})
