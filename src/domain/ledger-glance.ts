import { type EntryKind, entryKinds } from './ledger-entry.js'
import type { Counts } from './stock.js'

/**
 * What an entry's text says at a glance (`lua/include/ledger.lua`). For those who watch a busy store and
 * need neither its reservations nor all of its SKUs: 0.1 to 0.2 us where `parseEntry` takes 2.
 */
export function kindOf(text: string): EntryKind | undefined {
  const kind = text.slice(0, text.indexOf('\t'))
  return Object.hasOwn(entryKinds, kind) ? (kind as EntryKind) : undefined
}

/** Calls `changed` with the counts right after the entry for each of its SKUs that is `wanted`. */
export function glanceAtLines(
  text: string,
  wanted: { has(sku: string): boolean },
  changed: (sku: string, counts: Counts) => void,
): void {
  const idStart = text.indexOf('\t') + 1
  const linesStart = text.indexOf('\t', idStart) + 1
  const linesEnd = text.indexOf('\t', linesStart)
  if (idStart === 0 || linesStart === 0 || linesEnd < 0) return
  for (let start = linesStart; start < linesEnd; ) {
    const comma = text.indexOf(',', start)
    const end = comma < 0 || comma > linesEnd ? linesEnd : comma
    const skuEnd = text.indexOf(':', start)
    const sku = text.slice(start, skuEnd)
    if (wanted.has(sku)) {
      const match = countsPattern.exec(text.slice(skuEnd, end))
      if (match) {
        changed(sku, { available: Number(match[1]), held: Number(match[2]), sold: Number(match[3]) })
      }
    }
    start = end + 1
  }
}

/** After the SKU: quantity moved, available, held, sold. */
const countsPattern = /^:-?\d{1,15}:(\d{1,15}):(\d{1,15}):(\d{1,15})$/
