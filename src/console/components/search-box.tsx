import { useEffect, useRef, useState } from 'preact/hooks'
import { skuPattern } from '../../domain/limits.js'
import { go, href, reservationHref, route, skuHref } from '../route.js'
import './search-box.css'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const sku = new RegExp(skuPattern)
/** The list follows what is typed, once the fingers rest. */
const restMs = 180

/** Finds SKUs by how they begin, and a reservation by its id. */
export function SearchBox({ id }: { id: string }) {
  const { view, parameters } = route.value
  const searched = view === 'overview' ? (parameters.get('search') ?? '') : ''
  const [text, setText] = useState(searched)
  const followed = useRef(searched)
  useEffect(() => {
    // What was typed since is not overwritten by what it has led to.
    if (searched !== followed.current) setText(searched)
    followed.current = searched
  }, [searched])
  const isFollowed = view === 'overview'
  useEffect(() => {
    if (!isFollowed || text === searched || uuid.test(text) || !isSearchable(text)) return
    const timer = setTimeout(() => {
      followed.current = text
      go(href('/', { search: text }), true)
    }, restMs)
    return () => clearTimeout(timer)
  }, [text, searched, isFollowed])
  const isWrong = !isSearchable(text)
  return (
    <search class="search" data-keeps-focus>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (isWrong) return
          if (uuid.test(text)) go(reservationHref(text.toLowerCase()))
          else if (view === 'overview' && text !== '' && text === searched) go(skuHref(text))
          else go(href('/', { search: text }))
        }}
      >
        <label class="visually-hidden" for={id}>
          Search a SKU by how it begins, or a reservation by its id
        </label>
        <input
          id={id}
          class="input"
          type="search"
          placeholder="SKU or reservation id"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxLength={64}
          value={text}
          aria-invalid={isWrong}
          aria-describedby={isWrong ? `${id}-hint` : undefined}
          aria-keyshortcuts="/"
          onInput={(event) => setText(event.currentTarget.value.trim())}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            if (text === '') event.currentTarget.blur()
            else setText('')
          }}
        />
        <span class="search-key" aria-hidden="true">
          /
        </span>
        {isWrong && (
          <p id={`${id}-hint`} class="search-hint" role="status">
            A SKU has letters, digits and . _ - only.
          </p>
        )}
      </form>
    </search>
  )
}

function isSearchable(text: string): boolean {
  return text === '' || sku.test(text)
}
