/** A start that cannot succeed; the message is one clear sentence for the person at the terminal. */
export class StartupError extends Error {
  override name = 'StartupError'
}

/** Receives a line for the person at the terminal while something slow goes on. */
export type Progress = (line: string) => void
