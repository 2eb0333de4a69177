import { signal } from '@preact/signals'

const said = signal('')

/** Tells those who cannot see it what changed without their doing. */
export function announce(sentence: string): void {
  said.value = sentence
}

export function Announcer() {
  return (
    <p class="visually-hidden" role="status">
      {said}
    </p>
  )
}
