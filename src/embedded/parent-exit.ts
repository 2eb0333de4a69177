const dependents = new Set<number>()

/**
 * Sends SIGTERM to the process (or, for a negative id, its group) if this process exits before the
 * returned function is called, so that an exception or process.exit leaves no server behind.
 */
export function endWithParent(pid: number): () => void {
  if (dependents.size === 0) process.on('exit', endDependents)
  dependents.add(pid)
  return () => {
    dependents.delete(pid)
    if (dependents.size === 0) process.off('exit', endDependents)
  }
}

/** Ends them now, where the process is about to end without an `exit` event: by a signal, say. */
export function endDependents(): void {
  for (const pid of dependents) {
    try {
      process.kill(pid, 'SIGTERM')
    } catch {
      // It has ended by itself.
    }
  }
}
