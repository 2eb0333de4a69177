import { useEffect, useRef } from 'preact/hooks'
import { plural } from '../figures.js'
import './repair-dialog.css'

interface RepairDialogProps {
  /** Differences that the report at hand left. */
  open: number
  onClose(): void
  onConfirm(): void
}

const repair = 'repair'

/** Says what a repair will do, and does it only when it is said again. Esc closes it. */
export function RepairDialog({ open, onClose, onConfirm }: RepairDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      class="repair-dialog"
      aria-labelledby="repair-title"
      // Closing it gives the focus back to what opened it.
      onClose={(event) => (event.currentTarget.returnValue === repair ? onConfirm() : onClose())}
    >
      <h2 id="repair-title">Repair what differs?</h2>
      <ul>
        <li>
          Redis and MySQL are compared once more
          {open > 0
            ? `: this report shows ${plural(open, 'difference')}, there may be more or fewer by now`
            : ''}
          .
        </li>
        <li>
          For each difference a correction is written to the ledger, so that both say what the ledger says.
          The counts of a SKU can change by it, in Redis or in MySQL.
        </li>
        <li>What the ledger cannot decide is left as it is, and the report says why.</li>
        <li>Customers are served meanwhile. A correction stays in the ledger and is not taken back.</li>
      </ul>
      <div class="repair-actions">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" class="button primary" onClick={() => dialog.current?.close(repair)}>
          Repair
        </button>
      </div>
    </dialog>
  )
}
