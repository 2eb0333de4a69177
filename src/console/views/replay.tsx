import { useEffect, useState } from 'preact/hooks'
import { announce } from '../announcer.js'
import { call } from '../api-client.js'
import { ProblemNote } from '../components/problem-note.js'
import { ReplaySide } from '../components/replay-side.js'
import type { Problem, ReplayProgress } from '../contract.js'
import { plural } from '../figures.js'
import { replay, watch } from '../live.js'
import { PageTitle } from '../page-title.js'
import { type ReplayFrame, replayFrames } from '../replay-frames.js'
import { consoleInfo } from '../session.js'
import './replay.css'

/** The sale that went wrong, once more: with the checkout it had, and through Holdfast. */
export function ReplayView() {
  const frames = replayFrames.value
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  useEffect(() => watch([]), [])
  const state = replay.value
  const isRunning = state !== undefined && !state.done
  const conclusion = state && concludeReplay(state)
  useEffect(() => {
    if (conclusion !== undefined) announce(conclusion)
  }, [conclusion])
  const begin = async () => {
    const answer = await call<ReplayProgress>('POST', 'v1/replays', { body: {} })
    setProblem(answer.ok ? undefined : answer.problem)
    if (answer.ok) replay.value = answer.body
  }
  const info = consoleInfo.value
  return (
    <>
      <div class="replay-head">
        <div>
          <PageTitle title="Replay 12.12" />
          <p class="muted">
            The same customers with the same carts, through two checkouts at once: one that reads the count,
            decides and writes it back later, and Holdfast. It runs beside your stock and touches none of it.
          </p>
        </div>
        <button
          type="button"
          class="button primary"
          disabled={isRunning || info?.replay === false}
          onClick={() => void begin()}
        >
          {isRunning ? 'Running …' : state ? 'Run again' : 'Run the sale'}
        </button>
      </div>
      {problem && <ProblemNote problem={problem} />}
      <div class="replay">
        <ReplaySide name="naive" title="Read, decide, write" {...sideOf(frames, state, 'naive')} />
        <ReplaySide name="holdfast" title="Holdfast" {...sideOf(frames, state, 'holdfast')} />
      </div>
      <p class="conclusion">{conclusion ?? standing(state, info?.replay)}</p>
    </>
  )
}

function standing(state: ReplayProgress | undefined, isPossible: boolean | undefined): string {
  if (state) return state.second > 0 ? 'The sale is on …' : 'A store of its own is being stocked for it …'
  return isPossible === false ? 'The sale can be replayed only where the service runs its sample store.' : ''
}

/** What is drawn of one side; both reach equally far down. */
function sideOf(
  frames: readonly ReplayFrame[],
  state: ReplayProgress | undefined,
  name: 'naive' | 'holdfast',
) {
  return {
    side: state?.[name],
    stock: state?.stock,
    fewest: Math.min(0, ...frames.flatMap(({ naive, holdfast }) => [naive.available, holdfast.available])),
    times: frames.map(({ second }) => second),
    available: frames.map((frame) => frame[name].available),
  }
}

/** What it comes to, once it is over; undefined before. */
function concludeReplay({ done, naive, holdfast, failed }: ReplayProgress): string | undefined {
  if (failed !== undefined) return `The replay did not come to its end: ${failed}`
  if (!done) return undefined
  const broken = `Without Holdfast ${plural(naive.cancelled, 'paid order')} had to be cancelled for want of stock.`
  return holdfast.cancelled === 0
    ? `${broken} With Holdfast none.`
    : `${broken} With Holdfast ${plural(holdfast.cancelled, 'order')}.`
}
