import { useEffect, useState } from 'preact/hooks'
import type { ReplayProgress } from './contract.js'
import { replay } from './live.js'

export type ReplayFrame = Pick<ReplayProgress, 'second' | 'naive' | 'holdfast'>

const framesMax = 2000

/** What was seen of the newest replay, in the order of its seconds. */
export function useReplayFrames(): readonly ReplayFrame[] {
  const [seen, setSeen] = useState<{ id: string; frames: readonly ReplayFrame[] }>({ id: '', frames: [] })
  const state = replay.value
  useEffect(() => {
    if (!state) return
    setSeen(({ id, frames }) => {
      if (id !== state.id) return { id: state.id, frames: [state] }
      const last = frames.at(-1)
      if (last && state.second <= last.second) return { id, frames: [...frames.slice(0, -1), state] }
      return { id, frames: [...frames.slice(1 - framesMax), state] }
    })
  }, [state])
  return seen.frames
}
