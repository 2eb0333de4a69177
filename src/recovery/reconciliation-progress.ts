import type { ReconciliationFindings } from './reconciliation-findings.js'

export type ReconciliationPhase = 'stock' | 'reservations' | 'sums'

/** How far a run is, for who watches it. */
export interface ReconciliationStep {
  /** Of the run; its report has a number of its own. */
  id: string
  phase: ReconciliationPhase
  /** Items of the phase that were compared. */
  checked: number
  /** Items of the phase when it began; it may end with more or less. */
  total?: number
  drifted: number
  done: boolean
}

/** Tells how far a run is, at each of its steps. Whoever is told decides how much of it to pass on. */
export class ReconciliationProgress {
  private phase: ReconciliationPhase = 'stock'
  private total: number | undefined

  constructor(
    private readonly id: string,
    private readonly findings: ReconciliationFindings,
    private readonly tell: (step: ReconciliationStep) => void,
  ) {}

  begin(phase: ReconciliationPhase, total?: number): void {
    this.phase = phase
    this.total = total
    this.step()
  }

  step(done = false): void {
    const { phase, total } = this
    const { checked, driftedTotal } = this.findings
    this.tell({
      id: this.id,
      phase,
      checked: phase === 'stock' ? checked.skus : checked.reservations,
      ...(total !== undefined && { total }),
      drifted: driftedTotal,
      done,
    })
  }
}
