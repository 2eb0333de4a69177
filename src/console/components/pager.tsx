import './pager.css'

interface PagerProps {
  /** What is paged, for those who hear it. */
  label: string
  onFirst: (() => void) | undefined
  onNext: (() => void) | undefined
}

/** Walks through a list by its cursors: on, or back to its beginning. The browser's Back goes one page back. */
export function Pager({ label, onFirst, onNext }: PagerProps) {
  return (
    <nav class="pager" aria-label={label}>
      <button type="button" class="button" disabled={!onFirst} onClick={onFirst}>
        First
      </button>
      <button type="button" class="button" disabled={!onNext} onClick={onNext}>
        Next
      </button>
    </nav>
  )
}
