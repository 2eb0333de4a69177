import type { Static } from 'typebox'
import type * as events from '../http/event-schemas.js'
import type * as schemas from '../http/schemas.js'

/*
 * What the service answers and sends, derived from the schemas that its routes are checked against.
 */

export type Stock = Static<typeof schemas.Stock>
export type StockPage = Static<typeof schemas.StockPage>
export type LedgerPage = Static<typeof schemas.LedgerPage>
export type LedgerEntry = LedgerPage['items'][number]
export type Reservation = Static<typeof schemas.Reservation>
export type Reconciliation = Static<typeof schemas.Reconciliation>
export type ReconciliationPage = Static<typeof schemas.ReconciliationPage>
export type Drift = Reconciliation['drifted'][number]

/** Problem details (RFC 9457), or what the page says when no answer came (`status` 0). */
export type Problem = Static<typeof schemas.Problem>

export type Pulse = Static<typeof events.Pulse>
export type History = Static<typeof events.History>
export type StockChanges = Static<typeof events.StockChanges>
export type ReconciliationProgress = Static<typeof events.ReconciliationProgress>
export type ReplayProgress = Static<typeof events.ReplayProgress>
export type ConsoleInfo = Static<typeof events.ConsoleInfo>

/** What `/readyz` answers. */
export interface Readiness {
  ready: boolean
  reasons: string[]
  /** What each reason is about, in the same order. */
  problems: { part: string; problem: string; store?: string }[]
  stores: Record<string, { open: boolean; takesHolds: boolean; entriesBehind: number | null }>
}
