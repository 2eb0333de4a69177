import './state-label.css'

const colours: Readonly<Record<string, string>> = {
  held: 'held',
  confirmed: 'sold',
  released: 'available',
  expired: 'available',
}

/** The state of a reservation: a word, and the colour of where its units are. */
export function StateLabel({ state }: { state: string }) {
  return (
    <span class="state-label">
      <span class={`swatch ${colours[state] ?? ''}`} aria-hidden="true" />
      {state}
    </span>
  )
}
