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
  /** Breaks it and heals it again; resolves when it is healed. */
  inflict(scene: Scene): Promise<void>
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
  /** @param o.brief nothing that takes longer than some seconds. */
  draw(random: SeededRandom, o: { brief: boolean }): Drawn
  /** What must be so of the whole history beside what the checker asks. @returns sentences of what is not. */
  judge?(scene: Scene): string[]
  /** @returns why it cannot be done here, if so. */
  missing?(): Promise<string | undefined>
}
