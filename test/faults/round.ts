import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findBroken, readStore } from '../support/invariants.js'
import { eventually } from '../support/test-store.js'
import { checkHistory, type Verdict } from './checker/checker.js'
import { readLedger } from './checker/ledger.js'
import { ApiClient } from './crowd/api-client.js'
import { assortment, Crowd } from './crowd/crowd.js'
import { History, nowMs } from './history.js'
import type { Infliction, Scene } from './kinds/fault-kind.js'
import { becomeReady, fallQuiet, settleUnknown } from './quiet.js'
import { describePlan, type RoundPlan } from './round-plan.js'
import type { MariadbHost } from './stage/mariadb-host.js'
import type { ProductCopy } from './stage/product-copy.js'
import { Stage } from './stage/stage.js'

export interface RoundResult {
  /** What was wrong, as sentences; none when the service kept its promises. */
  findings: string[]
  requests: number
  /** Requests that were not answered, or with 503. */
  unanswered: number
  unavailable: number
  ledgerEntries: number
  faults: number
  inflictions: readonly Infliction[]
  /** What the faults came upon, and how often. */
  observed: Record<string, number>
  verdict: Verdict
  /** Reservations past their deadline that nobody expired. */
  leaked: number
  /** Differences that the reconciler found. */
  drifted: number
  /** From the last heal until every instance took a reservation and had its payment persisted. */
  readyMs: number
}

/** Calls that a frozen server holds up are answered later than that. */
const clientTimeoutMs = 3000
const reconcileTimeoutMs = 60_000
const fillTimeoutMs = 60_000
const findingsMax = 100

/**
 * One round: a store of its own, a crowd, faults; then, when they are healed, quiet; then everything
 * that was promised is checked.
 *
 * @param o.folder for the plan, the history, the findings and the logs.
 */
export async function runRound(
  plan: RoundPlan,
  o: { folder: string; mariadb: MariadbHost; product: ProductCopy },
): Promise<RoundResult> {
  await mkdir(o.folder, { recursive: true })
  await writeFile(join(o.folder, 'plan.txt'), `${describePlan(plan).join('\n')}\n`)
  const stage = await Stage.open({ ...o, settings: plan.settings })
  const history = new History(join(o.folder, 'history.ndjson'))
  const clients = stage.apis.map((api, i) => new ApiClient(history, i, api.port, clientTimeoutMs))
  const observed: Record<string, number> = {}
  const observe = (what: string, times = 1) => {
    observed[what] = (observed[what] ?? 0) + times
  }
  const scene: Scene = { stage, history, clients, allowance: {}, inflictions: [], observe }
  try {
    await fillShelves(scene)
    const readyMs = await playFaults(plan, scene)
    const result = await judge(plan, scene, readyMs, observed)
    await writeFile(join(o.folder, 'findings.txt'), `${result.findings.join('\n')}\n`)
    return result
  } finally {
    for (const client of clients) client.close()
    await history.close()
    await stage.close()
  }
}

/** Nothing of it may go with a disk: MySQL holds it before anything breaks. */
async function fillShelves({ stage, clients: [client] }: Scene): Promise<void> {
  for (const { sku, onHand } of assortment) {
    const event = await client?.send({ verb: 'set', sku, onHand })
    if (event?.reply?.status !== 201) {
      throw new Error(`${sku} cannot be put on sale: ${JSON.stringify(event?.reply ?? event?.lost)}`)
    }
  }
  const isHeld = async () =>
    (await stage.database.store.findUniqueOrThrow({ where: { name: stage.store } })).sequence >=
    assortment.length
  await eventually(isHeld, 'MySQL holds what is on sale', fillTimeoutMs)
}

/**
 * The load, with the faults at their moments.
 *
 * @returns how many ms after the last heal everything was ready again, under load.
 */
async function playFaults(plan: RoundPlan, scene: Scene): Promise<number> {
  const crowd = new Crowd(scene.clients, plan.seed, plan.pauseMsMax)
  crowd.start(plan.lanes)
  try {
    const inflictions = plan.faults.map(async (fault) => {
      await delay(fault.atMs)
      const fromMs = nowMs()
      const tookEffect = await fault.inflict(scene)
      scene.inflictions.push({ way: fault.way, fromMs, toMs: nowMs(), tookEffect })
    })
    await Promise.all(inflictions)
    const [readyMs] = await Promise.all([becomeReady(scene), delay(plan.restMs)])
    return readyMs
  } finally {
    await crowd.stop()
  }
}

/** Waits until all is quiet and holds everything against everything. */
async function judge(
  plan: RoundPlan,
  scene: Scene,
  readyMs: number,
  observed: Record<string, number>,
): Promise<RoundResult> {
  const { stage, history, allowance } = scene
  await settleUnknown(scene)
  const { leaked } = await fallQuiet(scene)
  const state = await readStore({
    name: stage.store,
    keys: stage.keys,
    redis: stage.redis.admin,
    database: stage.database,
    config: { retentionSeconds: 86_400 },
  })
  const broken = findBroken(state).map(({ invariant, findings }) => `${invariant}: ${findings.join('; ')}`)
  const { drifted, findings: drifts } = await reconcile(scene)
  const ledger = await readLedger(stage.database)
  const verdict = checkHistory(history.events, ledger, allowance)
  const findings = [...verdict.findings, ...broken, ...drifts, ...(plan.kind.judge?.(scene) ?? [])]
  for (const part of stage.parts) {
    if (part.hasEnded) findings.push(`${part.name} ended by itself: ${part.log.slice(-1000)}`)
  }
  if (leaked > 0) findings.push(`${leaked} reservations are past their deadline`)
  if (readyMs > plan.readyMsMax) findings.push(`it took ${Math.round(readyMs)} ms to be ready again`)
  const { events } = history
  return {
    findings: shorten(findings),
    requests: events.filter(({ unsent }) => !unsent).length,
    unanswered: events.filter(({ reply, unsent }) => !reply && !unsent).length,
    unavailable: events.filter(({ reply }) => reply?.status === 503).length,
    ledgerEntries: ledger.entries.length,
    faults: plan.faults.length,
    inflictions: scene.inflictions,
    observed,
    verdict,
    leaked,
    drifted,
    readyMs,
  }
}

/** Asks the product's own reconciler; an instance may think for a second more that the store is fenced. */
async function reconcile({ stage }: Scene): Promise<{ drifted: number; findings: string[] }> {
  let report: { driftedTotal?: number; drifted?: object[] } = {}
  const compared = async () => {
    const response = await fetch(`http://127.0.0.1:${stage.apis[0]?.port}/v1/reconciliations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    report = (await response.json()) as typeof report
    // The worker's own run may be under way.
    return response.status === 200
  }
  await eventually(compared, 'Redis and MySQL are compared', reconcileTimeoutMs)
  if (report.driftedTotal === 0) return { drifted: 0, findings: [] }
  return { drifted: report.driftedTotal ?? 0, findings: [`the reconciler says ${JSON.stringify(report)}`] }
}

function shorten(findings: readonly string[]): string[] {
  const more = findings.length - findingsMax
  return more > 0 ? [...findings.slice(0, findingsMax), `and ${more} more`] : [...findings]
}
