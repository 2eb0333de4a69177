import './stock-bar.css'

interface Counts {
  available: number
  held: number
  sold: number
}

const states = ['available', 'held', 'sold'] as const

/** A part that is not empty is at least this wide, gap included: one unit of a thousand is still seen. */
const sliverPx = 5
/** What parts two of them. The parts begin that far before the bar, and may end that far behind it. */
const gapPx = 2
const barWidth = `(100% - ${gapPx}px)`

/** How the units of a SKU are shared out. The counts stand beside it as text, so it is for the eye alone. */
export function StockBar({ counts, isLarge = false }: { counts: Counts; isLarge?: boolean }) {
  return (
    <div class={isLarge ? 'stock-bar large' : 'stock-bar'} aria-hidden="true">
      {endsOf(counts).map(({ state, end }) => (
        <span key={state} class={state} style={{ transform: `translateX(calc(${end} - ${barWidth}))` }} />
      ))}
    </div>
  )
}

/**
 * Where each part ends, as lengths of CSS. Each lies over those that end later and is moved into its place:
 * what is moved so shifts no layout.
 */
function endsOf(counts: Counts): { state: string; end: string }[] {
  const total = counts.available + counts.held + counts.sold
  let end = '0px'
  let units = 0
  const ends = states.map((state, i) => {
    units += counts[state]
    const later = states.slice(i + 1).filter((each) => counts[each] > 0).length
    if (counts[state] > 0 && later === 0) end = `${barWidth} + ${gapPx}px`
    else if (counts[state] > 0) {
      const share = (units / total).toFixed(4)
      end = `min(max(${barWidth} * ${share}, ${end} + ${sliverPx}px), ${barWidth} - ${later * sliverPx}px)`
    }
    return { state, end }
  })
  return ends.reverse()
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
