import type { Event } from '../history.js'
import { AskedCalls, sumCart } from './asked-calls.js'
import type { Ledger } from './ledger.js'
import { findContradictions, type Span } from './real-time.js'
import { ReplyJudge } from './reply-judge.js'
import { StoreModel } from './store-model.js'
import { findWrongUnavailable } from './unavailable.js'

/** What a fault may do that others may not. */
export interface Allowance {
  /**
   * Whether Redis' disk was lost with what this answer tells. Never asked about an answer which said
   * that MySQL holds it.
   */
  mayBeGone?: (event: Event) => boolean
  /** The clock of Redis was set. */
  clockIsSet?: boolean
}

export interface Verdict {
  /** A sentence for everything that no store which keeps its promises could have done. */
  findings: string[]
  holds: Tally
  confirms: Tally
  /** Units in paid reservations beyond those that there were. */
  oversold: number
}

/** Of the answers that promised something. */
export interface Tally {
  acknowledged: number
  /** Against the promise. */
  lost: number
  /** As the promise allows when a disk is lost. */
  gone: number
}

/**
 * Checks a history: is there one order of everything that happened, which a store that does one thing
 * after the other could have lived through, and which every client could have seen?
 *
 * 1. The ledger is that order. The model goes through it entry by entry and knows the rules.
 * 2. Each answer names the entry after which it is true, and has to be what the model would say there.
 * 3. What was answered before something was asked has to come before it in that order.
 *
 * A 503 says nothing about the store, and has to say so as the contract does, whatever is broken. When
 * there may be one at all is for each kind of fault to judge.
 */
export function checkHistory(events: readonly Event[], ledger: Ledger, allowance: Allowance): Verdict {
  const model = new StoreModel(ledger, new AskedCalls(events))
  const judge = new ReplyJudge(model, ledger, !allowance.clockIsSet)
  const holds = { acknowledged: 0, lost: 0, gone: 0 }
  const confirms = { acknowledged: 0, lost: 0, gone: 0 }
  const findings = [...model.findings]
  const placed: { event: Event; span: Span }[] = []
  for (const event of events) {
    const tally = tallyOf(event, holds, confirms)
    if (tally) tally.acknowledged++
    const unfit = findWrongUnavailable(event)
    if (unfit) findings.push(`${describe(event)}: ${unfit}`)
    const judgement = judge.judge(event)
    if (judgement === 'none') continue
    if (judgement === 'lost') {
      if (mayBeGone(event, allowance)) {
        if (tally) tally.gone++
      } else {
        if (tally) tally.lost++
        findings.push(`${describe(event)}: the ledger has no such thing at ${event.reply?.position}`)
      }
    } else if ('wrong' in judgement) {
      if (!mayBeGone(event, allowance)) findings.push(`${describe(event)}: ${judgement.wrong}`)
    } else if (!mayBeGone(event, allowance)) {
      // One that may be of the lost history could have been right by chance.
      placed.push({ event, span: judgement.span })
    }
  }
  findings.push(...findContradictions(placed))
  return { findings, holds, confirms, oversold: countOversold(events, ledger) }
}

function tallyOf({ call, reply }: Event, holds: Tally, confirms: Tally): Tally | undefined {
  if (!reply || reply.status >= 300) return undefined
  if (call.verb === 'reserve') return holds
  return call.verb === 'confirm' ? confirms : undefined
}

function mayBeGone(event: Event, allowance: Allowance): boolean {
  return event.reply?.body.persisted !== true && (allowance.mayBeGone?.(event) ?? false)
}

/**
 * Units whose payment was accepted, as the customers were told, against the units put on sale. A sale
 * that went with a lost disk was never called persisted, and is not counted.
 */
function countOversold(events: readonly Event[], ledger: Ledger): number {
  const supplied = new Map<string, number>()
  for (const { kind, lines } of ledger.entries) {
    if (kind !== 'set' && kind !== 'adjust') continue
    for (const { sku, quantity } of lines) supplied.set(sku, (supplied.get(sku) ?? 0) + quantity)
  }
  const paid = new Map<string, Event>()
  for (const event of events) {
    const { call, reply } = event
    if (call.verb !== 'confirm' || !reply || reply.status >= 300) continue
    const kept = ledger.reservations.get(call.id)?.state === 'confirmed'
    if (kept || reply.body.persisted) paid.set(call.id, event)
  }
  const promised = new Map<string, number>()
  for (const { reply } of paid.values()) {
    for (const { sku, quantity } of sumCart(reply?.body.lines ?? [])) {
      promised.set(sku, (promised.get(sku) ?? 0) + quantity)
    }
  }
  let oversold = 0
  for (const [sku, units] of promised) oversold += Math.max(0, units - (supplied.get(sku) ?? 0))
  return oversold
}

function describe({ number, call, reply }: Event): string {
  const { verb, ...what } = call
  const code = reply?.body.type ?? reply?.body.state ?? ''
  return `call ${number}, ${verb} ${JSON.stringify(what)}, answered ${reply?.status} ${code} at ${reply?.position}`
}
