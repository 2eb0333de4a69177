/**
 * Serves everyone in order, at most `atOnceMax` at the same time. Ends early, with the reason, when
 * one of them fails or the signal aborts; those under way are waited for.
 */
export async function serveCrowd<T>(
  crowd: readonly T[],
  atOnceMax: number,
  signal: AbortSignal,
  serve: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed = false
  const serveNext = async () => {
    while (next < crowd.length && !failed) {
      signal.throwIfAborted()
      try {
        await serve(crowd[next++] as T)
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
