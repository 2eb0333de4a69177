import { useState } from 'preact/hooks'
import { countMax } from '../../domain/limits.js'
import type { Stock } from '../contract.js'
import { formatChange, formatCount } from '../figures.js'
import { useSubmission } from '../use-submission.js'
import { FormMessageLine } from './form-message.js'

interface SetFormProps {
  sku: string
  counts: Stock | undefined
  onChange(): void
}

/** Sets the units on hand to what was counted; the first time it makes the SKU. */
export function SetForm({ sku, counts, onChange }: SetFormProps) {
  const [text, setText] = useState('')
  const onHand = readCount(text)
  const { message, isSending, send, say } = useSubmission<Stock>({
    method: 'PUT',
    path: `v1/stock/${encodeURIComponent(sku)}`,
    body: { onHand },
    tellDone: (stock) =>
      `On hand is ${formatCount(stock.onHand)} now, available ${formatCount(stock.available)}.`,
    // A count is set to a number: again it does nothing, unless units moved in between.
    unknown:
      'It is not known whether the count was set: look at the newest entries of the story before you set it again.',
    onAnswer: (outcome) => {
      // Sent again, it would be a new decision.
      if (outcome !== 'refused') setText('')
      onChange()
    },
  })
  const wrong =
    text !== '' && onHand === undefined ? `A whole number from 0 to ${formatCount(countMax)}, please.` : ''
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        if (onHand === undefined) say({ kind: 'refused', text: wrong || 'How many units were counted?' })
        else void send()
      }}
    >
      <h2>Set stock</h2>
      <label for="on-hand">Units counted on the shelf</label>
      <div class="field-row">
        <input
          id="on-hand"
          class="input"
          inputMode="numeric"
          autocomplete="off"
          value={text}
          aria-invalid={wrong !== ''}
          aria-describedby="on-hand-message"
          onInput={(event) => {
            setText(event.currentTarget.value.trim())
            say(undefined)
          }}
        />
        <button type="submit" class="button" aria-disabled={isSending}>
          Set
        </button>
      </div>
      <FormMessageLine
        id="on-hand-message"
        message={
          message ??
          (wrong ? { kind: 'refused', text: wrong } : { kind: 'hint', text: preview(onHand, counts) })
        }
      />
    </form>
  )
}

function readCount(text: string): number | undefined {
  const digits = text.replaceAll(',', '')
  return /^\d{1,13}$/.test(digits) && Number(digits) <= countMax ? Number(digits) : undefined
}

/** What setting would do, before it is done. */
function preview(onHand: number | undefined, counts: Stock | undefined): string {
  if (!counts) return 'Available and held units together.'
  const { held, available } = counts
  if (onHand === undefined)
    return `Available and held units together; ${formatCount(counts.onHand)} as of now.`
  if (onHand < held) return `${formatCount(held)} units are held: it cannot be less.`
  const then = onHand - held
  return `Available becomes ${formatCount(then)} (${formatChange(then - available)}).`
}
