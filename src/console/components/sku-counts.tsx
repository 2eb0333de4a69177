import type { Stock } from '../contract.js'
import { formatCount } from '../figures.js'
import { StockBar } from './stock-bar.js'
import './sku-counts.css'

const figures = [
  { name: 'available', label: 'Available', explanation: 'can be reserved' },
  { name: 'held', label: 'Held', explanation: 'in open reservations' },
  { name: 'sold', label: 'Sold', explanation: 'in paid reservations' },
  { name: 'onHand', label: 'On hand', explanation: 'available and held' },
] as const

/** A figure of more digits is written smaller, so that each is seen. */
const longMin = 10_000_000

interface SkuCountsProps {
  /** Undefined until they are known. */
  counts: Stock | undefined
  /** The service knows no such SKU. */
  isNew: boolean
}

export function SkuCounts({ counts, isNew }: SkuCountsProps) {
  return (
    <section class="card sku-counts" aria-label="Units">
      {isNew ? (
        <p>
          <b>There is no such SKU yet.</b> Set its stock, and there is.
        </p>
      ) : (
        <>
          <dl>
            {figures.map(({ name, label, explanation }) => (
              <div key={name}>
                <dt>
                  {name !== 'onHand' && <span class={`swatch ${name}`} aria-hidden="true" />}
                  {label}
                </dt>
                <dd
                  // Another type size is another text, and not one that has moved.
                  key={counts ? 'known' : 'unknown'}
                  class="figure"
                  data-long={counts !== undefined && counts[name] >= longMin}
                >
                  {counts ? formatCount(counts[name]) : '–'}
                </dd>
                <dd class="muted small">{explanation}</dd>
              </div>
            ))}
          </dl>
          <StockBar counts={counts ?? { available: 0, held: 0, sold: 0 }} isLarge />
        </>
      )}
    </section>
  )
}
