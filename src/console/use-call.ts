import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from './api-client.js'
import type { Problem } from './contract.js'
import { epoch } from './session.js'

export interface Call<T> {
  /** The newest answer; it stays while the next one is read. */
  body: T | undefined
  problem: Problem | undefined
  /** Reads again. */
  reload(): void
}

/**
 * Reads from the API now, and again when an input changes, the key does, or the service came back. An
 * answer that was overtaken is dropped.
 */
export function useCall<T>(
  read: (signal: AbortSignal) => Promise<Answer<T>>,
  inputs: readonly (string | number | undefined)[],
): Call<T> {
  const [state, setState] = useState<Omit<Call<T>, 'reload'>>({ body: undefined, problem: undefined })
  const [turn, setTurn] = useState(0)
  const reading = useRef(read)
  reading.current = read
  // Stands for all that is read from.
  const cause = JSON.stringify([...inputs, epoch.value, turn])
  useEffect(() => {
    const aborter = new AbortController()
    reading
      .current(aborter.signal)
      .then((answer) => {
        if (aborter.signal.aborted) return
        if (answer.ok) setState({ body: answer.body, problem: undefined })
        else setState((before) => ({ ...before, problem: answer.problem }))
      })
      // Only the abort below rejects.
      .catch(() => undefined)
    return () => aborter.abort()
  }, [cause])
  return { ...state, reload: useCallback(() => setTurn((before) => before + 1), []) }
}
