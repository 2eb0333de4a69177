import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { Allowance } from '../checker/checker.js'
import type { ApiClient } from '../crowd/api-client.js'
import type { History } from '../history.js'
import type { Stage, StageSettings } from '../stage/stage.js'

/** One way to break something, with all that was drawn for it. */
export interface Fault {
  /** Since the beginning of the load. */
  atMs: number
  /** For the printed plan, with what was drawn. */
  what: string
  /** Which of the ways of its kind it goes. */
  way: string
  /**
   * Breaks it and heals it again.
   *
   * @returns when it is healed, whether it broke anything: one that came upon nothing was not tried.
   */
  inflict(scene: Scene): Promise<boolean>
}

/** A fault that was inflicted, and when: from right before it began until it was healed, by `nowMs`. */
export interface Infliction {
  way: string
  fromMs: number
  toMs: number
  tookEffect: boolean
}

/** What was drawn for a round. */
export interface Drawn {
  /** The stage it needs; the standard one where it says nothing. */
  settings?: Partial<StageSettings>
  /** In any order. */
  faults: Fault[]
}

/** What faults act on. */
export interface Scene {
  stage: Stage
  history: History
  /** One for each instance of the API. */
  clients: readonly ApiClient[]
  /** Faults that lose a disk, or set a clock, say so here. */
  allowance: Allowance
  /** Those that are over, in the order of their ends. */
  inflictions: Infliction[]
  /** Counts what was observed of the faults, for the report: deadlocks that were forced, say. */
  observe(what: string, times?: number): void
}

/** A kind of fault: what of the service it tries to break. */
export interface FaultKind {
  /** As the table in docs/faults.md counts them. */
  number: number
  name: string
  /** A sentence: what is broken, and what must hold. */
  about: string
  /** Every way that there is to go: a whole run goes each of them, and has to see it take effect. */
  ways: readonly string[]
  /**
   * Draws the faults of a round. Ways are gone by turns, so that a run leaves none to chance.
   *
   * @param o.turn of this round: its main fault goes the way that is next.
   * @param o.brief nothing that takes longer than some seconds.
   */
  draw(random: SeededRandom, o: { turn: number; brief: boolean }): Drawn
  /**
   * What must be so of the whole history beside what the checker asks: what goes on being served while
   * this is broken, above all.
   *
   * @returns sentences of what is not.
   */
  judge?(scene: Scene): string[]
  /** @returns why it cannot be done here, if so. */
  missing?(): Promise<string | undefined>
}

/** The way whose turn it is. */
export function inTurn<T>(from: readonly T[], turn: number): T {
  return from[turn % from.length] as T
}

/** Any of them. */
export function anyOf<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.whole(0, from.length - 1)] as T
}
