/** What `npm run test:faults` was asked for; `run.js` reads its arguments and passes them on. */
export interface FaultOptions {
  rounds: number | undefined
  /** Of the first round of each kind; its next round has the next one. */
  seed: number | undefined
  /** Only this kind, by its number. */
  kind: number | undefined
  mutants: boolean
  /** A selection of at most three minutes. */
  short: boolean
}

export function readOptions(): FaultOptions {
  return JSON.parse(process.env.HOLDFAST_FAULTS ?? 'null') as FaultOptions
}

export const seedMax = 1_000_000_000

/** By the number of the kind: always the same, so that a change is judged by the change. */
export const seedsOfShort: Readonly<Record<number, number>> = {
  1: 12,
  2: 12,
  3: 12,
  4: 12,
  5: 12,
  6: 12,
  7: 12,
  8: 12,
  9: 12,
  10: 12,
  11: 12,
}
