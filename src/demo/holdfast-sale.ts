import { setTimeout as delay } from 'node:timers/promises'
import type { Line } from '../domain/reservation.js'
import { serveCrowd } from './crowd.js'
import type { Hold, HoldfastClient } from './holdfast-client.js'
import { sumUnits } from './sale-outcome.js'
import type { Customer, SaleSettings } from './sale-plan.js'
import type { SaleProgress } from './sale-progress.js'
import { WaitingRoom } from './waiting-room.js'

/** What the storefront knows after the sale, from Holdfast's answers alone. */
export interface HoldfastTally {
  /** Units by SKU of the customers who were told that theirs are sold. */
  unitsPromised: ReadonlyMap<string, number>
  /** Checkouts sent once more: repeated, or because the reply was lost. */
  retriesSent: number
  /** Of those, the ones answered with the reservation that the key had made before. */
  retriesReplayed: number
  /** Payments refused because the deadline had passed; those customers are not charged. */
  paymentsLate: number
  checkoutsPerSecond: number
  seconds: number
}

/** How often the waiting room looks at the stock. */
const lookMs = 250

/** Sends the crowd through Holdfast's HTTP API. */
export async function runHoldfastSale(
  client: HoldfastClient,
  customers: readonly Customer[],
  settings: SaleSettings,
  progress: SaleProgress,
  signal: AbortSignal,
): Promise<HoldfastTally> {
  const sale = new HoldfastSale(client, settings, progress, signal)
  return sale.run(customers)
}

class HoldfastSale {
  private readonly room = new WaitingRoom()
  private readonly promised: Line[][] = []
  private retriesSent = 0
  private retriesReplayed = 0
  private paymentsLate = 0

  constructor(
    private readonly client: HoldfastClient,
    private readonly settings: SaleSettings,
    private readonly progress: SaleProgress,
    private readonly signal: AbortSignal,
  ) {}

  async run(customers: readonly Customer[]): Promise<HoldfastTally> {
    for (const { sku, units } of this.settings.items) await this.client.setStock(sku, units)
    const beganMs = performance.now()
    const over = new AbortController()
    const looking = this.lookUntil(over.signal)
    looking.catch(() => {})
    // A customer who pays or waits takes no place in the line of those who check out. Each promise
    // is awaited below, when the line is empty; until then a failure must not be unhandled.
    const staying: Promise<void>[] = []
    try {
      await serveCrowd(customers, this.settings, this.signal, async (customer) => {
        const hold = await this.checkOut(customer, customer.retry)
        const stay = this.stay(customer, hold)
        stay.catch(() => {})
        staying.push(stay)
      })
      const seconds = (performance.now() - beganMs) / 1000
      await Promise.all(staying)
      over.abort()
      await looking
      return {
        unitsPromised: sumUnits(this.promised),
        retriesSent: this.retriesSent,
        retriesReplayed: this.retriesReplayed,
        paymentsLate: this.paymentsLate,
        checkoutsPerSecond: customers.length / seconds,
        seconds: (performance.now() - beganMs) / 1000,
      }
    } finally {
      over.abort()
      this.room.close()
      await Promise.allSettled([looking, ...staying])
    }
  }

  private async checkOut(customer: Customer, retry: Customer['retry']): Promise<Hold | undefined> {
    const order = {
      orderId: customer.orderId,
      customerId: customer.id,
      lines: customer.cart,
      ttlSeconds: this.settings.ttlSeconds,
    }
    const hold = await this.client.reserve({ ...order, loseReply: retry === 'lost-reply' })
    if (retry === 'lost-reply') this.countRetry(hold)
    if (!hold || retry !== 'repeat') return hold
    const again = await this.client.reserve(order)
    if (again?.id !== hold.id) throw new Error(`${customer.orderId} was given two reservations`)
    this.countRetry(again)
    return hold
  }

  private countRetry(hold: Hold | undefined): void {
    this.retriesSent++
    if (hold?.replayed) this.retriesReplayed++
  }

  /** From the answer to the first try until the customer leaves. */
  private async stay(customer: Customer, first: Hold | undefined): Promise<void> {
    let hold = first
    while (!hold && (await this.room.wait(customer.cart))) hold = await this.checkOut(customer, 'none')
    this.signal.throwIfAborted()
    if (!hold) this.progress.leaves('sold-out', customer.cart)
    else {
      const isPaid = customer.pays && (await this.pay(customer, hold))
      this.progress.leaves(isPaid ? 'ordered' : 'unpaid', customer.cart)
    }
  }

  private async pay(customer: Customer, hold: Hold): Promise<boolean> {
    await delay(customer.paymentMs, undefined, { signal: this.signal })
    const sold = await this.client.confirm(hold.id, `payment-${customer.orderId}`)
    if (sold) this.promised.push(customer.cart)
    else this.paymentsLate++
    return sold
  }

  /** Lets waiting customers in as units come back, until the sale's time is over. */
  private async lookUntil(over: AbortSignal): Promise<void> {
    const closesMs = performance.now() + this.settings.saleSecondsMax * 1000
    try {
      while (!over.aborted && performance.now() < closesMs) {
        this.room.look(await this.client.readStock())
        await delay(lookMs, undefined, { signal: over }).catch(() => {})
      }
    } finally {
      this.room.close()
    }
  }
}
