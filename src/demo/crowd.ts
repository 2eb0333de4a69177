import { setTimeout as delay } from 'node:timers/promises'
import type { SaleSettings } from './sale-plan.js'

/**
 * Serves everyone in order and at most `atOnceMax` at the same time: as they arrive, or, where nothing is
 * said of that, as fast as they are served. Ends early, with the reason, when one of them fails or the
 * signal aborts; those under way are waited for.
 */
export async function serveCrowd<T>(
  crowd: readonly T[],
  { atOnceMax, arrivalsPerSecond }: Pick<SaleSettings, 'atOnceMax' | 'arrivalsPerSecond'>,
  signal: AbortSignal,
  serve: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed = false
  const beganMs = performance.now()
  const arrival = async (index: number) => {
    if (arrivalsPerSecond === undefined) return
    const waitMs = beganMs + (1000 * index) / arrivalsPerSecond - performance.now()
    if (waitMs > 0) await delay(waitMs, undefined, { signal })
  }
  const serveNext = async () => {
    while (next < crowd.length && !failed) {
      signal.throwIfAborted()
      try {
        const index = next++
        await arrival(index)
        await serve(crowd[index] as T)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const served = await Promise.allSettled(Array.from({ length: atOnceMax }, serveNext))
  const failure = served.find((result) => result.status === 'rejected')
  if (failure) throw failure.reason
}
