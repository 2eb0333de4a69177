import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { Call, CartLine, Event } from '../history.js'
import type { ApiClient } from './api-client.js'

/** What is on the shelves at the start: few units of what everybody wants. */
export const assortment: readonly { sku: string; onHand: number }[] = [
  { sku: 'CONSOLE', onHand: 150 },
  { sku: 'SNEAKER', onHand: 400 },
  { sku: 'TEE', onHand: 1500 },
  { sku: 'MUG', onHand: 20_000 },
  { sku: 'SOCK', onHand: 100_000 },
]

const skus = assortment.map(({ sku }) => sku)
/** Never on the shelves. */
const unknownSku = 'GHOST'
/** The same for all, so that the checker knows which deadline an unanswered extension gave. */
export const extensionSeconds = 40
const recentMax = 40

/**
 * Shoppers who reserve, pay, cancel, come back, and look, each with choices of its own that the seed
 * determines. They also meddle with each other's reservations, as retries of a storefront do.
 */
export class Crowd {
  /** Ids that anybody has been told of lately. */
  private readonly recent: string[] = []
  /** Calls with a key that were sent lately, to be repeated. */
  private readonly sent: Call[] = []
  private readonly stopping = new AbortController()
  private lanes: Promise<void>[] = []
  private names = 0

  constructor(
    private readonly clients: readonly ApiClient[],
    private readonly seed: number,
    private readonly pauseMsMax: number,
  ) {}

  start(lanes: number): void {
    setMaxListeners(lanes, this.stopping.signal)
    this.lanes = Array.from({ length: lanes }, (_, lane) => this.shop(new SeededRandom(this.seed + lane)))
  }

  /** Lets everybody finish the call under way. */
  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all(this.lanes)
  }

  private async shop(random: SeededRandom): Promise<void> {
    const { signal } = this.stopping
    while (!signal.aborted) {
      await this.visit(random)
      await delay(random.whole(0, this.pauseMsMax), undefined, { signal }).catch(() => {})
    }
  }

  private async visit(random: SeededRandom): Promise<void> {
    const what = random.pick(visits).name
    if (what === 'checkout') return this.checkOut(random)
    if (what === 'stock') return void (await this.send(random, { verb: 'stock', sku: pickSku(random) }))
    if (what === 'list') return void (await this.send(random, { verb: 'list' }))
    if (what === 'meddle') return this.meddle(random)
    if (what === 'restock') return this.restock(random)
    const call = this.sent[random.whole(0, Math.max(0, this.sent.length - 1))]
    if (!call) return
    if (what === 'repeat') await this.send(random, call)
    else if (call.verb === 'reserve') await this.send(random, { ...call, ttlSeconds: call.ttlSeconds + 1 })
  }

  private async checkOut(random: SeededRandom): Promise<void> {
    const ttlSeconds = random.happens(0.35) ? random.whole(1, 2) : 60
    const customerId = `customer-${random.whole(1, 500)}`
    const key = `order-${++this.names}`
    const held = await this.send(random, {
      verb: 'reserve',
      key,
      customerId,
      lines: cart(random),
      ttlSeconds,
    })
    const id: string | undefined = held.reply?.status === 201 ? held.reply.body.id : undefined
    if (!id) return
    this.recent.push(id)
    if (this.recent.length > recentMax) this.recent.shift()
    const plan = random.next()
    if (plan < 0.1) await this.send(random, { verb: 'extend', id, ttlSeconds: extensionSeconds })
    if (plan < 0.55) await this.send(random, this.payment(id, 'refuse'))
    else if (plan < 0.7) await this.send(random, { verb: 'release', id })
  }

  /** A retry, a second tab, a late payment: any call on a reservation that somebody else made. */
  private async meddle(random: SeededRandom): Promise<void> {
    const id = this.recent[random.whole(0, this.recent.length - 1)]
    if (!id) return
    const what = random.pick(meddlings).name
    if (what === 'pay') await this.send(random, this.payment(id, 'refuse'))
    else if (what === 'payLate') await this.send(random, this.payment(id, 'reacquire'))
    else if (what === 'payTwice') {
      await this.send(random, { verb: 'confirm', id, paymentRef: 'another', ifExpired: 'refuse' })
    } else if (what === 'release') await this.send(random, { verb: 'release', id })
    else if (what === 'extend') await this.send(random, { verb: 'extend', id, ttlSeconds: extensionSeconds })
    else await this.send(random, { verb: 'read', id })
  }

  private async restock(random: SeededRandom): Promise<void> {
    const sku = pickSku(random)
    if (random.happens(0.2)) {
      await this.send(random, { verb: 'set', sku: 'MUG', onHand: random.whole(19_000, 21_000) })
      return
    }
    const quantity = random.whole(1, 6) * (random.happens(0.3) ? -1 : 1)
    await this.send(random, { verb: 'adjust', key: `count-${++this.names}`, sku, quantity })
  }

  private payment(id: string, ifExpired: 'refuse' | 'reacquire'): Call {
    return { verb: 'confirm', id, paymentRef: `payment-${id}`, ifExpired }
  }

  private async send(random: SeededRandom, call: Call): Promise<Event> {
    if ('key' in call) {
      this.sent.push(call)
      if (this.sent.length > recentMax) this.sent.shift()
    }
    const routed = this.clients.filter(({ isRouted }) => isRouted)
    const choices = routed.length > 0 ? routed : this.clients
    const client = choices[random.whole(0, choices.length - 1)] as ApiClient
    const event = await client.send(call)
    // Nobody hammers a service that cannot be reached, or that says no for now.
    if (!event.reply || event.reply.status === 503) await delay(random.whole(10, 50))
    return event
  }
}

const visits = [
  { name: 'checkout', weight: 60 },
  { name: 'meddle', weight: 20 },
  { name: 'stock', weight: 8 },
  { name: 'list', weight: 2 },
  { name: 'restock', weight: 5 },
  { name: 'repeat', weight: 4 },
  { name: 'misuse', weight: 1 },
] as const

const meddlings = [
  { name: 'pay', weight: 3 },
  { name: 'payLate', weight: 4 },
  { name: 'payTwice', weight: 1 },
  { name: 'release', weight: 2 },
  { name: 'extend', weight: 2 },
  { name: 'read', weight: 4 },
] as const

/** One to three lines, now and then two of one SKU, rarely one of a SKU that nobody has. */
function cart(random: SeededRandom): CartLine[] {
  const lines = Array.from({ length: random.happens(0.6) ? 1 : random.whole(2, 3) }, () => ({
    sku: pickSku(random),
    quantity: random.whole(1, 3),
  }))
  if (random.happens(0.01)) lines.push({ sku: unknownSku, quantity: 1 })
  return lines
}

/** The scarcer the more wanted, about. */
function pickSku(random: SeededRandom): string {
  return skus[Math.floor(random.next() ** 1.5 * skus.length)] as string
}
