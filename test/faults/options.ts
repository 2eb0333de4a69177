/** What `npm run test:faults` was asked for; `run.js` reads its arguments and passes them on. */
export interface FaultOptions {
  rounds: number | undefined
  /** Of the first round of each kind; its next round has the next one. */
  seed: number | undefined
  /** Only this kind, by its number. */
  kind: number | undefined
  mutants: boolean
  /** Only this one, by its name. */
  mutant: string | undefined
  /** A selection of at most three minutes. */
  short: boolean
}

export function readOptions(): FaultOptions {
  return JSON.parse(process.env.HOLDFAST_FAULTS ?? 'null') as FaultOptions
}

export const seedMax = 1_000_000_000

/**
 * Of the short selection, by the number of the kind: always the same, so that a change is judged by the
 * change. Each goes a way that says much in little time.
 */
export const seedsOfShort: Readonly<Record<number, number>> = {
  // Several together.
  1: 15,
  // After the commit, before the worker knows of it; another one goes on.
  2: 10,
  // The append-only file is cut on a boundary, which Redis cannot notice.
  3: 12,
  // A primary turns back.
  4: 10,
  // MySQL is gone, and holds go on.
  5: 10,
  // The first API and Redis are cut, the second ones silent, the worker and MariaDB half-open.
  6: 25,
  // The disk fails to flush.
  7: 13,
  // Memory is full, as the guard sees.
  8: 12,
  // Redis is an hour ahead.
  9: 13,
  // The payment that is noticed 50 times takes its units again.
  10: 14,
  // The servers are restarted, too.
  11: 13,
}
