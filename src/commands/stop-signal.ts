/**
 * Resolves at the first SIGINT or SIGTERM, and when a parent that opened a channel to this process is
 * gone. A second signal, of either, ends the process at once.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    process.once('disconnect', () => resolve('SIGHUP'))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        // By exit, not by the signal's own effect: private servers are ended on the way out.
        if (asked) process.exit(1)
        asked = true
        resolve(signal)
      })
    }
  })
}
