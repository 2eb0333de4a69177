import { useEffect, useRef } from 'preact/hooks'

/** The first view is not walked to: the focus then stays where the browser put it. */
let isFirst = true

/** The heading of a view. Takes the focus when it is walked to, so that a screen reader begins there. */
export function PageTitle({ title, isHidden = false }: { title: string; isHidden?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Holdfast`
    if (!isFirst && document.activeElement?.closest('[data-keeps-focus]') === null) {
      heading.current?.focus({ preventScroll: true })
    }
    isFirst = false
  }, [title])
  return (
    <h1 ref={heading} tabIndex={-1} class={isHidden ? 'visually-hidden' : undefined}>
      {title}
    </h1>
  )
}
