import { nowMs } from '../history.js'
import type { Scene } from './fault-kind.js'

/**
 * Begins the loss of what Redis has on disk: from now on until the returned function is called,
 * answers may be gone if MySQL did not hold at the beginning what they tell. What it held then is
 * there for good.
 */
export async function beginLoss({ stage, allowance }: Scene): Promise<() => void> {
  const before = allowance.mayBeGone ?? (() => false)
  // The epoch says nothing: a restore claims the next one before it has an entry.
  const { sequence } = await stage.database.store.findUniqueOrThrow({ where: { name: stage.store } })
  let endedAtMs = Number.POSITIVE_INFINITY
  allowance.mayBeGone = (event) => {
    if (before(event)) return true
    if (event.startMs > endedAtMs) return false
    const position = event.reply?.position
    return position === undefined || BigInt(position.split('-')[1] ?? 0) > sequence
  }
  return () => {
    endedAtMs = nowMs()
  }
}

/**
 * Begins a time in which a server answers from another history than the one MySQL holds, under positions
 * that MySQL has passed: until the returned function is called, whatever it says may be gone, unless it
 * says that MySQL holds it.
 */
export function beginTurn({ allowance }: Scene): () => void {
  const before = allowance.mayBeGone ?? (() => false)
  const fromMs = nowMs()
  let endedAtMs = Number.POSITIVE_INFINITY
  allowance.mayBeGone = (event) =>
    before(event) || ((event.endMs ?? Number.POSITIVE_INFINITY) >= fromMs && event.startMs <= endedAtMs)
  return () => {
    endedAtMs = nowMs()
  }
}
