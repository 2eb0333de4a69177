import type { Pulse } from './contract.js'

export type RateName = keyof Pulse['perSecond']

export interface Rate {
  name: RateName
  label: string
  colour: `--${string}`
  dash?: readonly number[]
}

/** What is drawn of each second, each in the colour of where it brings units; refusals bring them nowhere. */
export const rates: readonly Rate[] = [
  { name: 'holds', label: 'Holds', colour: '--held' },
  { name: 'refusals', label: 'Refusals', colour: '--refused', dash: [5, 3] },
  { name: 'confirms', label: 'Confirms', colour: '--sold' },
  { name: 'expiries', label: 'Expiries', colour: '--available', dash: [2, 3] },
]
