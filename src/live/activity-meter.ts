import type { EntryKind } from '../domain/ledger-entry.js'

/** What happened in a store. */
export interface Activity {
  holds: number
  refusals: number
  confirms: number
  releases: number
  expiries: number
}

const countedAs: Partial<Record<EntryKind, keyof Activity>> = {
  reserve: 'holds',
  confirm: 'confirms',
  reacquire: 'confirms',
  release: 'releases',
  expire: 'expiries',
}

/** Counts what happens between two takes. */
export class ActivityMeter {
  private counts = nothing()
  private takenMs = performance.now()

  add(kind: EntryKind, entries: number): void {
    const counted = countedAs[kind]
    if (counted) this.counts[counted] += entries
  }

  addRefusals(holds: number): void {
    this.counts.refusals += holds
  }

  /** What happened in each of the seconds since the last take, of which there is one at least. */
  takePerSecond(): Activity {
    const nowMs = performance.now()
    const seconds = Math.max(1, Math.round((nowMs - this.takenMs) / 1000))
    const perSecond = (count: number) => Math.round((10 * count) / seconds) / 10
    const { holds, refusals, confirms, releases, expiries } = this.counts
    this.counts = nothing()
    this.takenMs = nowMs
    return {
      holds: perSecond(holds),
      refusals: perSecond(refusals),
      confirms: perSecond(confirms),
      releases: perSecond(releases),
      expiries: perSecond(expiries),
    }
  }
}

function nothing(): Activity {
  return { holds: 0, refusals: 0, confirms: 0, releases: 0, expiries: 0 }
}
