import { setTimeout as delay } from 'node:timers/promises'

/** Keeps the event loop from turning for so long; resolves when the timers that were due have run. */
export async function busyFor(ms: number): Promise<void> {
  const until = performance.now() + ms
  while (performance.now() < until);
  await delay(1)
}
