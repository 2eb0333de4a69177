/** What `bench:scale` finds; a step that was not asked for leaves its figures out. */
export interface ScaleFigures {
  drain?: { entries: number; seconds: number; entriesPerSecond: number }
  memory?: { holds: number; bytesPerHold: number }
  /** Each a pass: hold rates over `bare` with few and with many open. */
  growth?: { few: number; many: number; passes: { few: number; many: number }[] }
  skus?: { skus: number; bytesPerSku: number; holdsPerSecond: number; ofBare: number }
  due?: {
    holds: number
    /** By how much the last of them was late. */
    latestMs: number
    holdsPerSecondBefore: number
    holdsPerSecondMeanwhile: number
  }
  /** Medians of a confirm that does not wait for MySQL and of one that does. */
  confirmWait?: { connections: number; passes: { withoutMs: number; withMs: number }[] }
  twoOfEach?: { holdsPerSecond: number; ofBare: number }
}

export interface ScaleSizes {
  many: number
  few: number
  skus: number
  due: number
}
