/** What `bench:scale` finds; a step that was not asked for leaves its figures out. */
export interface ScaleFigures {
  drain?: { passes: { entries: number; seconds: number; entriesPerSecond: number; bare: number }[] }
  memory?: { holds: number; bytesPerHold: number }
  /** Each a pass: hold rates over `bare`, beginning with few and with many open. */
  growth?: { few: number; many: number; passes: { few: number; many: number }[] }
  skus?: { skus: number; bytesPerSku: number; holdsPerSecond: number; ofBare: number }
  due?: { holds: number; passes: DuePass[] }
  /** Medians of a confirm that does not wait for MySQL and of one that does. */
  confirmWait?: { connections: number; passes: { withoutMs: number; withMs: number }[] }
  reconciliation?: { reservations: number; skus: number; passes: ReconciliationPass[] }
  twoOfEach?: { holdsPerSecond: number; ofBare: number }
}

export interface DuePass {
  /** By how much the last of them was late. */
  latestMs: number
  /** Holds a second before, and from the first deadline until the last of them was given back. */
  before: number
  meanwhile: number
  /** The same, each over the `bare` beside it. */
  beforeOfBare: number
  meanwhileOfBare: number
}

export interface ReconciliationPass {
  /** From the start of the command to its end, and the most memory it had in use. */
  alone: { seconds: number; peakMb: number }
  underLoad: { seconds: number; peakMb: number }
  /** The load that it ran beside from its start on: for how long, and the holds it was given. */
  loadSeconds: number
  holdsPerSecond: number
}

export interface ScaleSizes {
  many: number
  /** Loaded for each further drain. */
  more: number
  few: number
  skus: number
  due: number
}
