import type { LedgerEntry } from '../domain/ledger-entry.js'
import { isReadable, type LedgerItem, type RecordBytes, recordOf } from '../domain/ledger-record.js'
import type { Position } from '../domain/position.js'

/** What MySQL keeps of an entry instead of applying it. */
export interface AsideEntry {
  position: Position
  /** The sequence of the oldest entry that it stands for. */
  first: number
  /** Whether it cannot be read, or waits behind one that cannot. */
  state: 'malformed' | 'waiting'
  skus: readonly string[] | undefined
  record: RecordBytes
}

/** Stands for all SKUs: no SKU is written like that. */
export const everySku = '*'

/** The SKUs whose entries wait behind one that cannot be read. */
export class BlockedSkus {
  private readonly skus = new Set<string>()

  get isEmpty(): boolean {
    return this.skus.size === 0
  }

  /** `*` alone when it is all of them. */
  get names(): string[] {
    return this.skus.has(everySku) ? [everySku] : [...this.skus].sort()
  }

  blocks(skus: readonly string[]): boolean {
    if (this.isEmpty) return false
    return this.skus.has(everySku) || skus.some((sku) => this.skus.has(sku))
  }

  /** @param skus undefined when an entry does not tell which: then it may be any. */
  add(skus: readonly string[] | undefined): void {
    for (const sku of skus ?? [everySku]) this.skus.add(sku)
  }
}

/**
 * Tells entries that can be applied from those that have to be set aside: what cannot be read, and
 * from there on whatever touches a SKU that it moved, or one that such an entry touches. So what MySQL
 * holds of every SKU stays the fold of the entries that it has applied.
 *
 * @param blocked the SKUs that are blocked so far; it grows.
 */
export function sortOut(
  items: readonly LedgerItem[],
  blocked: BlockedSkus,
): { free: LedgerEntry[]; aside: AsideEntry[] } {
  const free: LedgerEntry[] = []
  const aside: AsideEntry[] = []
  for (const item of items) {
    if (!isReadable(item)) {
      aside.push({ ...item, state: 'malformed' })
      blocked.add(item.skus)
    } else if (blocked.isEmpty || !blocked.blocks(skusOf(item))) {
      free.push(item)
    } else {
      const { position } = item
      const skus = skusOf(item)
      aside.push({ position, first: position.sequence, state: 'waiting', skus, record: recordOf(item) })
      blocked.add(skus)
    }
  }
  return { free, aside }
}

export function skusOf({ lines }: LedgerEntry): string[] {
  return lines.map(({ sku }) => sku)
}
