/** What `npm run test:faults` was asked for; `run.js` reads its arguments and passes them on. */
export interface FaultOptions {
  rounds: number | undefined
  /** Of the first round; each next round has the next one. */
  seed: number
  /** Only this kind, by its number. */
  kind: number | undefined
  mutants: boolean
  /** A selection of at most three minutes. */
  short: boolean
}

export function readOptions(): FaultOptions {
  return JSON.parse(process.env.HOLDFAST_FAULTS ?? 'null') as FaultOptions
}
