import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Refusal } from '../domain/outcomes.js'
import { origin } from '../domain/position.js'
import type { ReconciliationReport } from '../domain/reconciliation.js'
import { readDiscarded, readQuarantinedSkus, settleDiscarded } from '../ledger/quarantine-queries.js'
import { saveReport } from '../ledger/reconciliation-reports.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import { StoreCorrections } from '../stock/store-corrections.js'
import { BrokenScriptError } from '../stock/store-scripts.js'
import { StoreClosedError, StoreSurvey } from '../stock/store-survey.js'
import { ReconciliationFindings } from './reconciliation-findings.js'
import { LedgerBehindError, ReconciliationLag } from './reconciliation-lag.js'
import { ReconciliationProgress, type ReconciliationStep } from './reconciliation-progress.js'
import { reconcileReservations } from './reconciliation-reservations.js'
import type { ReconciliationRun, ReconciliationSettings } from './reconciliation-run.js'
import { reconcileStock } from './reconciliation-stock.js'
import { reconcileSums } from './reconciliation-sums.js'

export interface ReconcilerLog {
  warn(fields: object, message: string): void
}

export interface ReconcileRequest {
  /** Whether to correct what is found; otherwise nothing is changed. */
  repair: boolean
  /** Only the counts of these SKUs; otherwise all of the store. */
  skus?: readonly string[] | undefined
  /** Who asks, for the ledger. */
  actor?: string | undefined
  /** Ends the run. */
  signal?: AbortSignal | undefined
}

/** Why a run has no answer, and the report of what it had corrected by then, if anything. */
export type UnfinishedRun = Refusal & { report?: ReconciliationReport | undefined }

/** Bounds that nobody has had a reason to tune. */
export const reconciliationSettings: ReconciliationSettings = {
  partItems: 250,
  partsAheadMax: 8,
  pageRows: 1000,
  lagWaitMs: 15_000,
  sumMs: 600_000,
  leaseMs: 30_000,
  driftsMax: 1000,
}

/**
 * Compares Redis with MySQL while both are at work, and corrects what differs.
 *
 * Redis is read in parts, each with the position of the store at that very moment. Once MySQL's
 * watermark has passed the position, what MySQL held *there* is asked for: a row that is not newer
 * than the position is as it was there, and for a newer one the ledger tells. So write-behind lag is
 * never taken for drift, nothing is paused, and the memory of a run is a few parts and pages, beside 16 bytes for
 * each open reservation and a sum for each SKU.
 *
 * The truth is the ledger. A correction is an entry of the kind `correct`, made by the same scripts
 * as every other change, so the ledger writer brings it to MySQL like any other; nothing is edited
 * behind the ledger.
 */
export class Reconciler {
  /**
   * @param redis any connection for commands that change stock.
   * @param tell called at each step of a run.
   */
  static open(
    redis: Redis,
    ledger: StoreLedger,
    log: ReconcilerLog,
    tell?: (step: ReconciliationStep) => void,
  ): Reconciler {
    const survey = new StoreSurvey(redis, ledger.store)
    const corrections = new StoreCorrections(redis, ledger.store)
    return new Reconciler(survey, corrections, ledger, reconciliationSettings, log, tell)
  }

  constructor(
    private readonly survey: StoreSurvey,
    private readonly corrections: StoreCorrections,
    private readonly ledger: StoreLedger,
    private readonly settings: ReconciliationSettings,
    private readonly log: ReconcilerLog,
    private readonly tell: (step: ReconciliationStep) => void = () => {},
  ) {}

  /**
   * Compares, corrects when asked to, and keeps the report in MySQL.
   *
   * @returns the report, or why it did not come to its end. A run that failed in its middle may have
   *   corrected a part, and then leaves a report of that; the next one finds the rest.
   * @throws the signal's reason when it was aborted.
   */
  async run(request: ReconcileRequest): Promise<ReconciliationReport | UnfinishedRun> {
    const owner = randomUUID()
    let report: ReconciliationReport | undefined
    try {
      if (!(await this.survey.takeLease(owner, this.settings.leaseMs)))
        return { refused: 'reconciliation-running' }
      const findings = new ReconciliationFindings(this.settings.driftsMax)
      const progress = new ReconciliationProgress(owner, findings, this.tell)
      const startedAtMs = Date.now()
      try {
        const refusal = await this.compare(owner, request, findings, progress)
        return refusal ?? (await this.save(request, findings, startedAtMs, request.skus === undefined))
      } catch (error) {
        if (findings.correctedAt !== origin) report = await this.saveCorrected(request, findings, startedAtMs)
        throw error
      } finally {
        progress.step(true)
      }
    } catch (error) {
      request.signal?.throwIfAborted()
      if (error instanceof LeaseLostError) return { refused: 'reconciliation-running', report }
      if (error instanceof StoreClosedError) return { refused: error.refused, report }
      if (error instanceof LedgerBehindError) return { refused: 'ledger-behind', report }
      if (error instanceof BrokenScriptError) throw error
      this.log.warn({ store: this.ledger.store, err: error }, 'MySQL failed while it was compared with Redis')
      return { refused: 'mysql-unavailable', report }
    } finally {
      await this.survey.endLease(owner)
    }
  }

  private async compare(
    owner: string,
    request: ReconcileRequest,
    findings: ReconciliationFindings,
    progress: ReconciliationProgress,
  ): Promise<Refusal | undefined> {
    const { ledger, settings, survey } = this
    const lag = new ReconciliationLag(ledger, survey, settings.lagWaitMs)
    const corrections = request.repair ? this.corrections : undefined
    const renew = keepLease(survey, owner, settings.leaseMs, request.signal)
    const beat = async () => {
      progress.step()
      await renew()
    }
    const discarded = await readDiscarded(ledger)
    const run: ReconciliationRun = {
      ...{ owner, survey, ledger, lag, findings, corrections, settings, beat },
      actor: request.actor,
    }
    // Counts first: a reservation is mended by an entry that names the counts of its SKUs.
    progress.begin('stock', request.skus?.length ?? (await survey.skuCount()))
    const unknown = request.skus ? await this.unknownSkus(request.skus, lag) : []
    if (unknown.length > 0) return { refused: 'unknown-sku', skus: unknown }
    await reconcileStock(run, request.skus)
    if (!request.skus) {
      progress.begin('reservations', (await survey.sizes()).reservations)
      await reconcileReservations(run)
    }
    if (findings.correctedAt !== origin) await lag.passed(findings.correctedAt)
    if (!request.skus) {
      progress.begin('sums')
      await reconcileSums(run)
    }
    // All of the store agrees by now, whatever those entries did.
    if (!request.skus && findings.driftedTotal === findings.repaired) await settleDiscarded(ledger, discarded)
    return undefined
  }

  /** Of these SKUs, those that neither Redis nor MySQL knows. */
  private async unknownSkus(skus: readonly string[], lag: ReconciliationLag): Promise<string[]> {
    const { position, items } = await this.survey.missingSkus(skus)
    if (items.length === 0) return []
    await lag.passed(position)
    const missing = items.map(({ sku }) => sku)
    // In this order: what is not set aside any more is in the ledger.
    const quarantined = await readQuarantinedSkus(this.ledger, missing)
    const known = await this.ledger.knownSkus(missing)
    return missing.filter((sku) => !quarantined.has(sku) && !known.has(sku))
  }

  private save(
    { repair }: ReconcileRequest,
    { position, checked, drifted, driftedTotal, repaired }: ReconciliationFindings,
    startedAtMs: number,
    complete: boolean,
  ): Promise<ReconciliationReport> {
    const tookMs = Date.now() - startedAtMs
    const found = { checked, drifted, driftedTotal, repaired }
    return saveReport(this.ledger, { position, startedAtMs, tookMs, repair, complete, ...found })
  }

  /** Keeps what a run that ends early has corrected, or says that it cannot. */
  private async saveCorrected(
    request: ReconcileRequest,
    findings: ReconciliationFindings,
    startedAtMs: number,
  ): Promise<ReconciliationReport | undefined> {
    try {
      return await this.save(request, findings, startedAtMs, false)
    } catch (error) {
      const { store } = this.ledger
      const { repaired } = findings
      this.log.warn({ store, repaired, err: error }, 'The report of what was corrected cannot be kept')
      return undefined
    }
  }
}

/** Another run has taken the store over: this one was paused for longer than its lease. */
class LeaseLostError extends Error {}

function keepLease(survey: StoreSurvey, owner: string, leaseMs: number, signal: AbortSignal | undefined) {
  let renewedAt = Date.now()
  return async () => {
    signal?.throwIfAborted()
    if (Date.now() - renewedAt < leaseMs / 4) return
    if (!(await survey.takeLease(owner, leaseMs))) throw new LeaseLostError()
    renewedAt = Date.now()
  }
}
