import { SeededRandom } from '../../src/demo/seeded-random.js'
import type { Fault, FaultKind } from './kinds/fault-kind.js'
import type { StageSettings } from './stage/stage.js'

/** All that is drawn for a round; the same seed of the same kind draws the same. */
export interface RoundPlan {
  seed: number
  kind: FaultKind
  settings: Partial<StageSettings>
  /** Shoppers at once. */
  lanes: number
  pauseMsMax: number
  /** How long the load goes on at least when the last fault is healed. */
  restMs: number
  faults: Fault[]
  /** The service has to be ready again this long after the last heal. */
  readyMsMax: number
}

const readyMsMax = 10_000
/** The short selection runs beside other work, on machines that nobody has chosen for it. */
const readyMsMaxBrief = 20_000

/** @param o.brief leaves out what takes longer than some seconds. */
export function planRound(seed: number, kind: FaultKind, o: { brief: boolean }): RoundPlan {
  // Neighbouring seeds are to have nothing in common, but for the turns of the ways.
  const random = new SeededRandom(Math.imul(16 * (seed + 1) + kind.number, 0x9e3779b1))
  const { settings = {}, faults } = kind.draw(random, { ...o, turn: seed })
  return {
    seed,
    kind,
    lanes: random.whole(8, 32),
    pauseMsMax: random.whole(5, 40),
    restMs: random.whole(300, 900),
    settings,
    faults: faults.sort((a, b) => a.atMs - b.atMs),
    readyMsMax: o.brief ? readyMsMaxBrief : readyMsMax,
  }
}

/** As it is printed. */
export function describePlan({ seed, kind, lanes, pauseMsMax, restMs, faults }: RoundPlan): string[] {
  return [
    `seed ${seed}, kind ${kind.number} (${kind.name}): ${lanes} shoppers with pauses of up to ${pauseMsMax} ms`,
    ...faults.map(({ atMs, what }) => `${String(atMs).padStart(7)} ms: ${what}`),
    `  the load goes on for ${restMs} ms after the last heal, and until all is ready again`,
  ]
}

/** The seed and the kind of each round of a run: every kind once with a seed, then with the next one. */
export function seedsOf(kinds: readonly FaultKind[], seed: number, rounds: number) {
  return Array.from({ length: rounds }, (_, round) => ({
    seed: seed + Math.floor(round / kinds.length),
    kind: kinds[round % kinds.length] as FaultKind,
  }))
}
