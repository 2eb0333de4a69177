import { useState } from 'preact/hooks'
import type { Pulse } from '../contract.js'
import { formatRate, formatTime } from '../figures.js'
import { type RateName, rates } from '../rates.js'
import './rate-table.css'

const rowSeconds = 10
const columns: readonly { name: RateName; label: string }[] = [
  ...rates,
  { name: 'releases', label: 'Releases' },
]

/** The same figures as the lines, to be read: the mean of each ten seconds, the newest first. */
export function RateTable({ pulses }: { pulses: readonly Pulse[] }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details class="rate-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Figures as a table</summary>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
        <section class="rate-rows" aria-label="Rates" tabIndex={0}>
          <table>
            <caption class="visually-hidden">Means per second of each {rowSeconds} seconds</caption>
            <thead>
              <tr>
                <th scope="col">From</th>
                {columns.map(({ name, label }) => (
                  <th key={name} scope="col" class="number">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {meansOf(pulses).map(({ from, means }) => (
                <tr key={from}>
                  <th scope="row">{formatTime(new Date(from * 1000))}</th>
                  {means.map((mean, i) => (
                    <td key={columns[i]?.name} class="number">
                      {formatRate(mean)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  )
}

function meansOf(pulses: readonly Pulse[]): { from: number; means: number[] }[] {
  const groups = new Map<number, Pulse[]>()
  for (const pulse of pulses) {
    const from = Math.floor(Date.parse(pulse.at) / 1000 / rowSeconds) * rowSeconds
    groups.set(from, [...(groups.get(from) ?? []), pulse])
  }
  return [...groups].reverse().map(([from, group]) => ({
    from,
    means: columns.map(
      ({ name }) => group.reduce((sum, { perSecond }) => sum + perSecond[name], 0) / group.length,
    ),
  }))
}
