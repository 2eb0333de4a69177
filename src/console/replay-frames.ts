import { effect, signal } from '@preact/signals'
import type { ReplayProgress } from './contract.js'
import { replay } from './live.js'

export type ReplayFrame = Pick<ReplayProgress, 'second' | 'naive' | 'holdfast'>

const framesMax = 2000

/** What was seen of the newest replay, in the order of its seconds; also while another view was looked at. */
export const replayFrames = signal<readonly ReplayFrame[]>([])

let seenId = ''

effect(() => {
  const state = replay.value
  if (!state) return
  const frames = state.id === seenId ? replayFrames.peek() : []
  seenId = state.id
  const last = frames.at(-1)
  const isLater = !last || state.second > last.second
  replayFrames.value = [...(isLater ? frames.slice(1 - framesMax) : frames.slice(0, -1)), state]
})
