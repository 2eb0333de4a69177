import type { Line } from '../domain/reservation.js'
import type { SaleItem } from './sale-plan.js'
import type { SaleHalf, SaleProgress } from './sale-progress.js'
import type { Replay } from './sale-replay.js'

/** One half of a replay, as it is drawn. */
export interface ReplaySide {
  /** Orders that were paid. */
  accepted: number
  /** Customers who found nothing. */
  refused: number
  /** Paid orders whose units are not there. */
  cancelled: number
  /** Units that the store says it has. */
  available: number
}

export interface ReplayState {
  id: string
  /** Since the sale began. */
  second: number
  naive: ReplaySide
  holdfast: ReplaySide
  /** Units on sale. */
  stock: number
  done: boolean
  /** Why it did not come to its end. */
  failed?: string
}

/** Keeps the score of a replay while its customers come and go. */
export class ReplayBoard {
  private readonly stock: number
  private readonly sides: Record<SaleHalf, ReplaySide>
  private readonly shelves: Record<SaleHalf, Map<string, number>>
  private beganMs: number | undefined
  private second = 0
  private isDone = false
  private failed: string | undefined

  constructor(
    private readonly id: string,
    items: readonly SaleItem[],
  ) {
    this.stock = items.reduce((sum, { units }) => sum + units, 0)
    const side = (): ReplaySide => ({ accepted: 0, refused: 0, cancelled: 0, available: this.stock })
    const shelf = () => new Map(items.map(({ sku, units }) => [sku, units]))
    this.sides = { naive: side(), holdfast: side() }
    this.shelves = { naive: shelf(), holdfast: shelf() }
  }

  get state(): ReplayState {
    const { naive, holdfast } = this.sides
    return {
      id: this.id,
      second: this.second,
      naive: { ...naive },
      holdfast: { ...holdfast },
      stock: this.stock,
      done: this.isDone,
      ...(this.failed !== undefined && { failed: this.failed }),
    }
  }

  begin(): void {
    this.beganMs = performance.now()
  }

  progress(half: SaleHalf): SaleProgress {
    const side = this.sides[half]
    return {
      leaves: (how, cart) => {
        if (how === 'sold-out') side.refused++
        if (how !== 'ordered') return
        side.accepted++
        if (!pack(this.shelves[half], cart)) side.cancelled++
      },
      end: () => {},
    }
  }

  /** What each store says it has left now; undefined when it has not answered. */
  look(naive: number | undefined, holdfast: number | undefined): void {
    if (this.beganMs !== undefined) this.second = Math.round((performance.now() - this.beganMs) / 10) / 100
    this.sides.naive.available = naive ?? this.sides.naive.available
    this.sides.holdfast.available = holdfast ?? this.sides.holdfast.available
  }

  /** The databases have the last word. */
  finish({ naive, holdfast }: Replay): void {
    Object.assign(this.sides.naive, {
      accepted: naive.ordersTaken,
      cancelled: naive.customersToCall,
      available: naive.unitsOnSale - naive.unitsSold,
    })
    Object.assign(this.sides.holdfast, {
      accepted: holdfast.ordersTaken,
      cancelled: holdfast.customersToCall,
      available: holdfast.unitsOnSale - holdfast.unitsSold,
    })
    this.failed = [...holdfast.differences, ...holdfast.breaches][0]
    this.isDone = true
  }

  fail(why: string): void {
    this.failed = why
    this.isDone = true
  }
}

/** Takes an order's units from the shelf, all of them or none. @returns whether they were there. */
function pack(shelf: Map<string, number>, cart: readonly Line[]): boolean {
  if (cart.some(({ sku, quantity }) => (shelf.get(sku) ?? 0) < quantity)) return false
  for (const { sku, quantity } of cart) shelf.set(sku, (shelf.get(sku) ?? 0) - quantity)
  return true
}
