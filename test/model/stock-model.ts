import type { RefusalCode } from '../../src/domain/outcomes.js'
import type { Counts } from '../../src/domain/stock.js'

/**
 * What Holdfast promises, in plain maps: no scripts, batches, positions or databases. Its clock
 * stands still until `passTime`, in seconds.
 */
export class StockModel {
  now = 0
  readonly stock = new Map<string, Counts>()
  readonly reservations: ModelReservation[] = []
  /** Idempotency key -> the reservation it made. */
  readonly keys = new Map<string, ModelReservation>()
  /** Idempotency key -> the adjustment it made, and when. */
  readonly adjustments = new Map<string, { text: string; at: number }>()
  /** Reservations in the order in which they ended. */
  private finished: ModelReservation[] = []

  constructor(
    private readonly holdSecondsMax: number,
    private readonly retentionSeconds: number,
  ) {}

  reserve(cart: ModelCart, key?: string): Outcome {
    const earlier = key === undefined ? undefined : this.keys.get(key)
    if (earlier) {
      if (JSON.stringify(earlier.cart) !== JSON.stringify(cart)) return refuse('idempotency-key-reused')
      return { status: 200, reservation: earlier, replayed: true }
    }
    const skus = cart.lines.map(({ sku }) => sku).filter((sku) => !this.stock.has(sku))
    if (skus.length > 0) return refuse('unknown-sku', { skus })
    const short = this.short(cart)
    if (short) return short
    const reservation: ModelReservation = {
      number: this.reservations.length,
      cart,
      state: 'held',
      createdAt: this.now,
      expiresAt: this.now + cart.ttlSeconds,
      closedAt: undefined,
      paymentRef: undefined,
      reacquired: false,
      persisted: false,
      forgotten: false,
      key,
    }
    this.move(reservation, 'available', 'held')
    this.reservations.push(reservation)
    if (key !== undefined) this.keys.set(key, reservation)
    return { status: 201, reservation }
  }

  confirm(reservation: ModelReservation, paymentRef: string | undefined, ifExpired: string): Outcome {
    const { state, forgotten } = reservation
    if (state === 'confirmed') {
      if (paymentRef !== undefined && paymentRef !== reservation.paymentRef) return refuse('payment-mismatch')
      return this.paid(reservation)
    }
    if (state === 'released') return refuse('reservation-released')
    if (state === 'expired' || this.isDue(reservation)) {
      if (ifExpired === 'refuse' || forgotten) return refuse('reservation-expired')
      if (state === 'held') this.close(reservation, 'expired', 'available')
      const short = this.short(reservation.cart)
      if (short) return short
      this.move(reservation, 'available', 'held')
      reservation.reacquired = true
    }
    reservation.paymentRef = paymentRef
    this.close(reservation, 'confirmed', 'sold')
    return this.paid(reservation)
  }

  release(reservation: ModelReservation): Outcome {
    const { state } = reservation
    if (state === 'confirmed') return refuse('reservation-confirmed')
    if (state === 'expired' || (state === 'held' && this.isDue(reservation))) {
      return refuse('reservation-expired')
    }
    if (state === 'held') this.close(reservation, 'released', 'available')
    return { status: 200, reservation }
  }

  extend(reservation: ModelReservation, ttlSeconds: number): Outcome {
    const { state } = reservation
    if (state !== 'held') return refuse(`reservation-${state}`)
    if (this.isDue(reservation)) return refuse('reservation-expired')
    if (this.now + ttlSeconds > reservation.createdAt + this.holdSecondsMax) return refuse('extension-limit')
    if (this.now + ttlSeconds >= reservation.expiresAt) {
      // The service's clock has moved on since the deadline was set, if only by a millisecond.
      reservation.expiresAt = this.now + ttlSeconds
      reservation.persisted = false
    }
    return { status: 200, reservation }
  }

  set(sku: string, onHand: number): Outcome {
    const counts = this.stock.get(sku)
    if (!counts) {
      this.stock.set(sku, { available: onHand, held: 0, sold: 0 })
      return { status: 201, sku }
    }
    if (onHand < counts.held) return refuse('below-held', { held: counts.held })
    counts.available = onHand - counts.held
    return { status: 200, sku }
  }

  adjust(sku: string, quantity: number, key?: string): Outcome {
    const text = `${sku} ${quantity}`
    const earlier = key === undefined ? undefined : this.adjustments.get(key)
    if (earlier) {
      if (earlier.text !== text) return refuse('idempotency-key-reused')
      return { status: 200, sku, replayed: true }
    }
    const counts = this.stock.get(sku)
    if (!counts) return refuse('unknown-sku', { skus: [sku] })
    if (counts.available + quantity < 0) {
      return refuse('insufficient-stock', {
        lines: [{ sku, requested: -quantity, available: counts.available }],
      })
    }
    counts.available += quantity
    if (key !== undefined) this.adjustments.set(key, { text, at: this.now })
    return { status: 200, sku }
  }

  /** Gives back what is due. */
  expire(): void {
    for (const reservation of this.reservations) {
      if (reservation.state === 'held' && this.isDue(reservation)) {
        this.close(reservation, 'expired', 'available')
      }
    }
  }

  /** Forgets what ended long ago, up to the first that MySQL does not hold. */
  forget(): void {
    const old = this.finished.findIndex(
      ({ persisted, closedAt = 0 }) => !persisted || this.now - closedAt < this.retentionSeconds,
    )
    for (const reservation of this.finished.splice(0, old < 0 ? this.finished.length : old)) {
      reservation.forgotten = true
      if (reservation.key !== undefined) this.keys.delete(reservation.key)
    }
  }

  persist(): void {
    for (const reservation of this.reservations) reservation.persisted = true
  }

  passTime(seconds: number): void {
    this.now += seconds
    for (const [key, { at }] of this.adjustments) {
      if (this.now - at >= this.retentionSeconds) this.adjustments.delete(key)
    }
  }

  private isDue({ expiresAt }: ModelReservation): boolean {
    return this.now >= expiresAt
  }

  private paid(reservation: ModelReservation): Outcome {
    return { status: reservation.persisted ? 200 : 202, reservation }
  }

  private short(cart: ModelCart): Outcome | undefined {
    const lines = cart.lines
      .map(({ sku, quantity }) => ({
        sku,
        requested: quantity,
        available: this.stock.get(sku)?.available ?? 0,
      }))
      .filter(({ requested, available }) => available < requested)
    return lines.length > 0 ? refuse('insufficient-stock', { lines }) : undefined
  }

  private close(reservation: ModelReservation, state: ModelReservation['state'], to: keyof Counts): void {
    this.move(reservation, 'held', to)
    reservation.state = state
    reservation.closedAt = this.now
    this.finished = [...this.finished.filter((other) => other !== reservation), reservation]
  }

  private move(reservation: ModelReservation, from: keyof Counts, to: keyof Counts): void {
    for (const { sku, quantity } of reservation.cart.lines) {
      const counts = this.stock.get(sku) as Counts
      counts[from] -= quantity
      counts[to] += quantity
    }
    reservation.persisted = false
  }
}

export interface ModelCart {
  /** One line a SKU, sorted. */
  lines: { sku: string; quantity: number }[]
  ttlSeconds: number
  customerId: string
}

export interface ModelReservation {
  /** Its place among those of the run. */
  number: number
  cart: ModelCart
  state: 'held' | 'confirmed' | 'released' | 'expired'
  createdAt: number
  expiresAt: number
  closedAt: number | undefined
  paymentRef: string | undefined
  reacquired: boolean
  persisted: boolean
  /** By Redis: what is known of it comes from MySQL. */
  forgotten: boolean
  key: string | undefined
}

/** What a call must be answered. */
export type Outcome =
  | { refused: RefusalCode; fields: object }
  | { status: number; reservation: ModelReservation; replayed?: boolean }
  | { status: number; sku: string; replayed?: boolean }

function refuse(code: RefusalCode, fields: object = {}): Outcome {
  return { refused: code, fields }
}
