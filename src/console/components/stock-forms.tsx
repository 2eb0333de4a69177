import type { Stock } from '../contract.js'
import { AdjustForm } from './adjust-form.js'
import { SetForm } from './set-form.js'
import './stock-forms.css'

interface StockFormsProps {
  sku: string
  counts: Stock | undefined
  /** Something was changed, or may have been. */
  onChange(): void
}

/** What people know better than the service: what is on the shelf. */
export function StockForms({ sku, counts, onChange }: StockFormsProps) {
  return (
    <section class="card stock-forms" aria-label="Change the stock">
      <SetForm sku={sku} counts={counts} onChange={onChange} />
      <AdjustForm sku={sku} counts={counts} onChange={onChange} />
    </section>
  )
}
