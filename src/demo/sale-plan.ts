import { type Line, sumLines } from '../domain/reservation.js'
import { SeededRandom } from './seeded-random.js'

export interface SaleItem {
  sku: string
  /** Units on sale. */
  units: number
  /** How much of the crowd wants it, in proportion to the others. */
  weight: number
}

export interface SaleSettings {
  seed: number
  customers: number
  items: readonly SaleItem[]
  /** Customers who are checking out at the same moment. */
  atOnceMax: number
  /** Customers who come each second; absent: each as soon as there is room for one more. */
  arrivalsPerSecond?: number
  /** How long a customer takes to pay. */
  paymentMs: readonly [min: number, max: number]
  /** Share of the customers who reach the payment and never pay. */
  abandonShare: number
  /** Share of the customers who send the same checkout twice. */
  repeatShare: number
  /** Share of the customers whose first reply is lost on its way, and who send the checkout again. */
  lostReplyShare: number
  /** How long units are held for a customer who has not paid. */
  ttlSeconds: number
  /** When those who still wait for a unit to come back are sent home. */
  saleSecondsMax: number
}

/** The sale that went wrong: a crowd at midnight, and few of what it came for. */
export const sale1212: SaleSettings = {
  seed: 1212,
  customers: 5000,
  items: [
    { sku: 'CONSOLE-5', units: 60, weight: 36 },
    { sku: 'SNEAKER-42', units: 100, weight: 24 },
    { sku: 'HEADSET-PRO', units: 120, weight: 16 },
    { sku: 'JACKET-L', units: 100, weight: 11 },
    { sku: 'TEE-BLACK-M', units: 160, weight: 8 },
    { sku: 'MUG-1212', units: 60, weight: 5 },
  ],
  atOnceMax: 150,
  paymentMs: [5, 40],
  abandonShare: 0.2,
  repeatShare: 0.1,
  lostReplyShare: 0.05,
  ttlSeconds: 3,
  saleSecondsMax: 30,
}

/** The same sale at a pace that people can watch: it takes some 12 seconds. */
export const watchedSale1212: SaleSettings = {
  ...sale1212,
  customers: 1500,
  arrivalsPerSecond: 250,
  paymentMs: [200, 900],
  saleSecondsMax: 12,
}

export interface Customer {
  id: string
  /** Names the checkout: the idempotency key of every try. */
  orderId: string
  cart: Line[]
  pays: boolean
  paymentMs: number
  /** What happens to the first answer of the store. */
  retry: 'none' | 'repeat' | 'lost-reply'
}

/** The customers of a sale in the order they stand in line; the same for the same settings. */
export function planCustomers(settings: SaleSettings): Customer[] {
  const random = new SeededRandom(settings.seed)
  return Array.from({ length: settings.customers }, (_, index) => planCustomer(settings, random, index + 1))
}

function planCustomer(settings: SaleSettings, random: SeededRandom, number: number): Customer {
  const { abandonShare, repeatShare, lostReplyShare } = settings
  const fate = random.next()
  return {
    id: `customer-${number}`,
    orderId: `order-${number}`,
    cart: planCart(settings.items, random),
    pays: !random.happens(abandonShare),
    paymentMs: random.whole(...settings.paymentMs),
    retry: fate < repeatShare ? 'repeat' : fate < repeatShare + lostReplyShare ? 'lost-reply' : 'none',
  }
}

/** One item or two, mostly one unit of each. */
function planCart(items: readonly SaleItem[], random: SeededRandom): Line[] {
  const lineCount = random.happens(0.2) ? 2 : 1
  const lines = Array.from({ length: lineCount }, () => ({
    sku: random.pick(items).sku,
    quantity: random.happens(0.15) ? 2 : 1,
  }))
  return sumLines(lines)
}
