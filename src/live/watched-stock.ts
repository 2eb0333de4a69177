import { comparePositions, type Position } from '../domain/position.js'
import type { Counts } from '../domain/stock.js'

interface Known {
  position: Position
  /** As JSON; undefined for a SKU that does not exist. */
  text: string | undefined
}

/**
 * The counts of the SKUs that somebody watches, each with the position it is true at: what was read and
 * what the ledger tells come on two connections, and the newer one wins.
 */
export class WatchedStock {
  private readonly viewers = new Map<string, number>()
  private readonly known = new Map<string, Known>()
  private unread = new Set<string>()
  private changed = new Set<string>()

  watch(skus: Iterable<string>): void {
    for (const sku of skus) {
      this.viewers.set(sku, (this.viewers.get(sku) ?? 0) + 1)
      if (!this.known.has(sku)) this.unread.add(sku)
    }
  }

  unwatch(skus: Iterable<string>): void {
    for (const sku of skus) {
      const left = (this.viewers.get(sku) ?? 0) - 1
      if (left > 0) {
        this.viewers.set(sku, left)
        continue
      }
      this.viewers.delete(sku)
      this.known.delete(sku)
      this.unread.delete(sku)
      this.changed.delete(sku)
    }
  }

  /** Whether anybody watches the SKU. */
  has(sku: string): boolean {
    return this.viewers.has(sku)
  }

  /** Whether every SKU was read, those that do not exist included. */
  knows(skus: Iterable<string>): boolean {
    for (const sku of skus) if (!this.known.has(sku)) return false
    return true
  }

  /** As JSON; undefined for a SKU that does not exist, or was not read yet. */
  text(sku: string): string | undefined {
    return this.known.get(sku)?.text
  }

  /** @param counts undefined when the SKU does not exist. */
  set(sku: string, counts: Counts | undefined, position: Position): void {
    if (!this.viewers.has(sku)) return
    this.unread.delete(sku)
    const before = this.known.get(sku)
    if (before && comparePositions(position, before.position) < 0) return
    const text = counts && formatStock(sku, counts)
    this.known.set(sku, { position, text })
    if (text !== before?.text) this.changed.add(sku)
  }

  /** Changes were missed: everything is to be read again. */
  distrust(): void {
    this.unread = new Set(this.viewers.keys())
  }

  /** The store may have begun anew, at whatever position. */
  forget(): void {
    this.known.clear()
    this.distrust()
  }

  /** The SKUs that are to be read. */
  get wanted(): string[] {
    return [...this.unread]
  }

  /** The SKUs that changed since the last take. */
  takeChanged(): ReadonlySet<string> {
    const { changed } = this
    if (changed.size > 0) this.changed = new Set()
    return changed
  }
}

function formatStock(sku: string, { available, held, sold }: Counts): string {
  return JSON.stringify({ sku, available, held, sold, onHand: available + held })
}
