import { useState } from 'preact/hooks'
import { countMax, textLengthMax } from '../../domain/limits.js'
import type { Stock } from '../contract.js'
import { formatChange, formatCount } from '../figures.js'
import { useSubmission } from '../use-submission.js'
import { FormMessageLine } from './form-message.js'

interface AdjustFormProps {
  sku: string
  counts: Stock | undefined
  onChange(): void
}

/** Adds units to what is available, or takes some away, and says why. */
export function AdjustForm({ sku, counts, onChange }: AdjustFormProps) {
  const [text, setText] = useState('')
  const [reason, setReason] = useState('')
  const quantity = readChange(text)
  const { message, isSending, send, say } = useSubmission<Stock>({
    method: 'POST',
    path: `v1/stock/${encodeURIComponent(sku)}/adjustments`,
    body: { quantity, reason: reason.trim() },
    tellDone: (stock) => `Adjusted. Available is ${formatCount(stock.available)} now.`,
    unknown: 'Press Adjust again: however often, it is done once.',
    onAnswer: (outcome) => {
      if (outcome === 'done') {
        setText('')
        setReason('')
      }
      onChange()
    },
  })
  const wrong =
    text !== '' && text !== '-' && text !== '+' && quantity === undefined
      ? `A whole number other than 0, such as 5 or -5, please.`
      : ''
  const submit = () => {
    if (quantity === undefined) say({ kind: 'refused', text: wrong || 'How many units?' })
    else if (reason.trim() === '') say({ kind: 'refused', text: 'Say why, for the ledger.' })
    else void send()
  }
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <h2>Adjust stock</h2>
      <label for="quantity">Units to add; with a minus, to take away</label>
      <input
        id="quantity"
        class="input"
        autocomplete="off"
        value={text}
        aria-invalid={wrong !== ''}
        aria-describedby="quantity-message"
        onInput={(event) => {
          setText(event.currentTarget.value.trim())
          say(undefined)
        }}
      />
      <label for="reason">Reason</label>
      <div class="field-row">
        <input
          id="reason"
          class="input"
          autocomplete="off"
          placeholder="return, damage, delivery"
          maxLength={textLengthMax}
          value={reason}
          aria-describedby="quantity-message"
          onInput={(event) => {
            setReason(event.currentTarget.value)
            say(undefined)
          }}
        />
        <button type="submit" class="button" aria-disabled={isSending}>
          Adjust
        </button>
      </div>
      <FormMessageLine
        id="quantity-message"
        message={
          message ??
          (wrong ? { kind: 'refused', text: wrong } : { kind: 'hint', text: preview(quantity, counts) })
        }
      />
    </form>
  )
}

function readChange(text: string): number | undefined {
  const match = /^([-−+]?)(\d{1,13})$/.exec(text.replaceAll(',', ''))
  const size = Number(match?.[2] ?? 0)
  if (!match || size === 0 || size > countMax) return undefined
  return match[1] === '' || match[1] === '+' ? size : -size
}

function preview(quantity: number | undefined, counts: Stock | undefined): string {
  if (quantity === undefined || !counts) return 'Held and sold units stay as they are.'
  const then = counts.available + quantity
  if (then < 0) return `${formatCount(counts.available)} units are available: no more can be taken away.`
  return `Available becomes ${formatCount(then)} (${formatChange(quantity)}).`
}
