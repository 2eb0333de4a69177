import { streamState } from '../live.js'
import './connection-label.css'

const words = { connecting: 'Connecting', open: 'Live', lost: 'Offline' } as const

/** Whether what is seen is as of now. */
export function ConnectionLabel() {
  const state = streamState.value
  return (
    <span class="connection-label" data-state={state}>
      {words[state]}
    </span>
  )
}
