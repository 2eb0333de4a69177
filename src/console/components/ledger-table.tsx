import type { LedgerEntry } from '../contract.js'
import { formatChange, formatCount, plural } from '../figures.js'
import { reservationHref, skuHref } from '../route.js'
import { Count } from './count.js'
import { Moment } from './moment.js'
import { SkeletonRows } from './skeleton-rows.js'
import './ledger-table.css'

/** What an entry did, in a word, and where it moved units. */
const kinds: Readonly<Record<string, { word: string; moves: string }>> = {
  reserve: { word: 'held', moves: 'available → held' },
  confirm: { word: 'sold', moves: 'held → sold' },
  reacquire: { word: 'sold late', moves: 'available → sold' },
  release: { word: 'released', moves: 'held → available' },
  expire: { word: 'expired', moves: 'held → available' },
  extend: { word: 'extended', moves: 'a later deadline' },
  set: { word: 'set', moves: 'counted on the shelf' },
  adjust: { word: 'adjusted', moves: 'added or taken away' },
  correct: { word: 'corrected', moves: 'by reconciliation' },
}

interface LedgerTableProps {
  /** For those who hear it. */
  caption: string
  entries: readonly LedgerEntry[] | undefined
  /** The SKU or the reservation whose story it is: the other one is linked. */
  about: { sku: string } | { reservationId: string }
  skeletonRows: number
}

/** Ledger entries, each line with the counts right after it. */
export function LedgerTable({ caption, entries, about, skeletonRows }: LedgerTableProps) {
  const sku = 'sku' in about ? about.sku : undefined
  return (
    <table class="ledger-table" aria-busy={entries === undefined}>
      <caption class="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col" class="position">
            Position
          </th>
          <th scope="col" class="when">
            Time
          </th>
          <th scope="col">What</th>
          <th scope="col" class="number units">
            Units
          </th>
          <th scope="col" class="number count">
            <abbr title="available, right after">Avail.</abbr>
          </th>
          <th scope="col" class="number count">
            Held
          </th>
          <th scope="col" class="number count">
            Sold
          </th>
        </tr>
      </thead>
      <tbody>
        {entries ? (
          entries.flatMap((entry) =>
            entry.lines
              .filter((line) => sku === undefined || line.sku === sku)
              .map((line) => (
                <EntryRow key={`${entry.position} ${line.sku}`} entry={entry} line={line} sku={sku} />
              )),
          )
        ) : (
          <SkeletonRows rows={skeletonRows} columns={7} />
        )}
      </tbody>
    </table>
  )
}

interface EntryRowProps {
  entry: LedgerEntry
  line: LedgerEntry['lines'][number]
  /** The SKU whose story it is, if it is one. */
  sku: string | undefined
}

function EntryRow({ entry, line, sku }: EntryRowProps) {
  const { word, moves } = kinds[entry.kind] ?? { word: entry.kind, moves: '' }
  const changesStock = entry.reservationId === undefined
  const others = entry.lines.length - 1
  const { actor } = entry as { actor?: string }
  return (
    <tr>
      <td class="position">{entry.position}</td>
      <td class="when">
        <Moment at={entry.occurredAt} />
      </td>
      <td class="what">
        <b title={moves}>{word}</b> {sku === undefined && <a href={skuHref(line.sku)}>{line.sku}</a>}
        {sku !== undefined && entry.reservationId !== undefined && (
          <a class="id" href={reservationHref(entry.reservationId)} title={entry.reservationId}>
            {shortId(entry.reservationId)}
          </a>
        )}
        {sku !== undefined && others > 0 && <span class="muted"> with {plural(others, 'other SKU')}</span>}
        {entry.reason !== undefined && <span class="muted"> {entry.reason}</span>}
        {actor !== undefined && <span class="muted"> by {actor}</span>}
      </td>
      <td class="number units">
        <Count value={line.quantity} format={changesStock ? formatChange : formatCount} />
      </td>
      <td class="number count">
        <Count value={line.available} />
      </td>
      <td class="number count">
        <Count value={line.held} />
      </td>
      <td class="number count">
        <Count value={line.sold} />
      </td>
    </tr>
  )
}

/** The last digits of an id are the random ones: the first tell only the time. */
function shortId(id: string): string {
  return `…${id.slice(-12)}`
}
