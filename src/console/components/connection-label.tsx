import { streamState } from '../live.js'
import { keyRefusal } from '../session.js'
import './connection-label.css'

const words = { connecting: 'Connecting', open: 'Live', lost: 'Offline' } as const

/** Whether what is seen is as of now. */
export function ConnectionLabel() {
  const state = streamState.value
  // Nothing is tried before there is a key.
  if (keyRefusal.value) return <span class="connection-label" data-state="none" />
  return (
    <span class="connection-label" data-state={state}>
      {words[state]}
    </span>
  )
}
