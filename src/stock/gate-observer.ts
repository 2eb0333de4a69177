import type { ScriptName } from './scripts.js'

/** Who counts what passes the gate. It is told on the way of every call, so it only adds up. */
export interface GateObserver {
  /** A script has answered this many calls at once, after so many ms. */
  ran(script: ScriptName, calls: number, ms: number): void
  /** What a call was told: that it was done, by a word of its own, or the code of its refusal. */
  judged(script: ScriptName, outcome: string): void
}

/** Counts nothing. */
export const nobody: GateObserver = { ran() {}, judged() {} }

/** When a call passed the gate, in ms of `performance.now()`; 0 until then. The gate fills it in. */
export class GatePassage {
  sentMs = 0
  answeredMs = 0
  /** How many calls its step served. */
  calls = 0
}
