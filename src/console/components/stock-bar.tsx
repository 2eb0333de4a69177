import './stock-bar.css'

interface Counts {
  available: number
  held: number
  sold: number
}

const states = ['available', 'held', 'sold'] as const

/** How the units of a SKU are shared out. The counts stand beside it as text, so it is for the eye alone. */
export function StockBar({ counts, isLarge = false }: { counts: Counts; isLarge?: boolean }) {
  return (
    <div class={isLarge ? 'stock-bar large' : 'stock-bar'} aria-hidden="true">
      {states.map((state) => (
        <span
          key={state}
          class={state}
          style={{ flexGrow: counts[state] }}
          data-empty={counts[state] === 0}
        />
      ))}
    </div>
  )
}

/** What the three colours mean. */
export function StockLegend() {
  return (
    <ul class="stock-legend">
      {states.map((state) => (
        <li key={state}>
          <span class={`swatch ${state}`} aria-hidden="true" />
          {state}
        </li>
      ))}
    </ul>
  )
}
