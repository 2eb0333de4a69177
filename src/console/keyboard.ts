/** Keys that work everywhere on the page: `/` goes to the search. */
export function listenForKeys(searchId: string): void {
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
    event.preventDefault()
    const search = document.getElementById(searchId) as HTMLInputElement | null
    search?.focus()
    search?.select()
  })
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('input, textarea, select, dialog, [contenteditable]') !== null
  )
}
