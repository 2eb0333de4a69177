import type { Line } from '../domain/reservation.js'
import type { Counts } from '../domain/stock.js'

/** Customers let in for each unit that is available: more than it needs, as stores do. */
const overAdmission = 2

interface Waiting {
  cart: readonly Line[]
  answer(admitted: boolean): void
}

/** Where customers wait whom the store had to refuse, in case that a unit comes back. */
export class WaitingRoom {
  private line: Waiting[] = []
  private closed = false

  /** Resolves with true when it is worth trying again, with false when it never will be. */
  wait(cart: readonly Line[]): Promise<boolean> {
    if (this.closed) return Promise.resolve(false)
    return new Promise((answer) => this.line.push({ cart, answer }))
  }

  /** Lets customers in, the first first, and sends home whom the units left cannot serve. */
  look(stock: ReadonlyMap<string, Counts>): void {
    const places = new Map<string, number>()
    for (const [sku, { available }] of stock) places.set(sku, overAdmission * available)
    const staying: Waiting[] = []
    for (const waiting of this.line) {
      const { cart } = waiting
      const canCome = cart.every(({ sku, quantity }) => unitsLeft(stock.get(sku)) >= quantity)
      const canEnter = cart.every(({ sku, quantity }) => (places.get(sku) ?? 0) >= quantity)
      if (!canCome) waiting.answer(false)
      else if (!canEnter) staying.push(waiting)
      else {
        for (const { sku, quantity } of cart) places.set(sku, (places.get(sku) ?? 0) - quantity)
        waiting.answer(true)
      }
    }
    this.line = staying
  }

  /** Sends everyone home, and whoever comes later too. */
  close(): void {
    this.closed = true
    for (const { answer } of this.line) answer(false)
    this.line = []
  }
}

/** Units that are not sold: available now, or held and perhaps given back. */
function unitsLeft(counts: Counts | undefined): number {
  return counts ? counts.available + counts.held : 0
}
