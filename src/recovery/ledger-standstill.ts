/** Notices that MySQL takes no entry of a store's ledger although Redis has some for it. */
export class LedgerStandstill {
  private persisted = 0
  private sinceMs: number | undefined

  /**
   * Notes a look at both.
   *
   * @param persisted the sequence up to which MySQL holds the ledger.
   * @param behind how many entries more Redis has.
   */
  note(persisted: number, behind: number, nowMs = performance.now()): void {
    if (behind === 0) this.sinceMs = undefined
    else if (this.sinceMs === undefined || persisted !== this.persisted) this.sinceMs = nowMs
    this.persisted = persisted
  }

  /** For how long; 0 while nothing waits. */
  ms(nowMs = performance.now()): number {
    return this.sinceMs === undefined ? 0 : nowMs - this.sinceMs
  }
}
