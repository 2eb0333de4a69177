import { setFlagsFromString } from 'node:v8'
import type { Redis } from 'ioredis'
import type { Config } from '../config.js'
import { isRefusal, type Refusal, refusals } from '../domain/outcomes.js'
import { formatPosition } from '../domain/position.js'
import type { Drift, ReconciliationReport } from '../domain/reconciliation.js'
import { type Database, openDatabase } from '../ledger/database.js'
import { StoreLedger } from '../ledger/store-ledger.js'
import { openLog } from '../log.js'
import { Reconciler, type UnfinishedRun } from '../recovery/reconciler.js'
import { connectRedis } from '../stock/connection.js'
import { readCommandLine } from './command-line.js'
import { commandLineActor } from './command-line-actor.js'
import { reachServers, startupError } from './given-servers.js'
import { chosenStores } from './store-arguments.js'

/** Exit statuses: no drift, or all of it repaired; drift, or no comparison. */
const agreed = 0
const drifted = 1

/**
 * Compares Redis with MySQL and prints what differs. Needs no API, but a worker, without which MySQL
 * may not catch up.
 */
export async function runReconcile(given: Config, args: readonly string[]): Promise<number> {
  const { repair, stores } = readArguments(given, args)
  const config = await reachServers(given, 'reconcile')
  // Millions of rows go by: what is left of them is collected after the heap has grown by a fifth, not tripled.
  setFlagsFromString('--heap-growing-percent=20')
  const redis = await connectRedis(config.redisUrl, config).catch((error) => {
    throw startupError(error, config)
  })
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: config.databaseConnectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    isPatient: true,
  })
  try {
    let status = agreed
    for (const store of stores) {
      if ((await reconcileStore(config, redis, database, store, repair)) !== agreed) status = drifted
    }
    return status
  } finally {
    redis.disconnect()
    await database.$disconnect()
  }
}

/** @throws ConfigError */
function readArguments(config: Config, args: readonly string[]): { repair: boolean; stores: string[] } {
  const options = { repair: { type: 'boolean' }, store: { type: 'string' } } as const
  const { values } = readCommandLine(args, { options }, 'holdfast reconcile [--repair] [--store NAME]')
  return { repair: values.repair ?? false, stores: chosenStores(config, values.store) }
}

async function reconcileStore(
  config: Config,
  redis: Redis,
  database: Database,
  store: string,
  repair: boolean,
): Promise<number> {
  const log = openLog(config.logLevel, 'reconcile')
  const ledger = new StoreLedger(database, store)
  const reconciler = Reconciler.open(redis, ledger, log)
  const report = await reconciler.run({ repair, actor: commandLineActor() })
  if (isRefusal(report)) {
    console.error(unfinished(store, report))
    return drifted
  }
  console.log(renderReport(store, report))
  return report.driftedTotal === report.repaired ? agreed : drifted
}

function unfinished(store: string, run: UnfinishedRun): string {
  return run.report
    ? `Store ${store} was not compared to its end: ${sentence(run)} Report ${run.report.id} names what was corrected.`
    : `Store ${store} was not compared: ${sentence(run)}`
}

function sentence({ refused }: Refusal): string {
  return refused === 'store-fenced'
    ? `${refusals[refused].title} A running api or worker does that.`
    : refusals[refused].title
}

function renderReport(store: string, report: ReconciliationReport): string {
  const { id, position, checked, driftedTotal, repaired, tookMs } = report
  const compared = `${checked.skus} SKUs and ${checked.reservations} reservations up to ${formatPosition(position)}`
  const summary = `Store ${store}: ${compared} compared in ${(tookMs / 1000).toFixed(1)} s, report ${id}.`
  if (driftedTotal === 0) return `${summary}\nNo drift.`
  const rows = report.drifted.map(toRow)
  const unlisted = driftedTotal - report.drifted.length
  return [
    summary,
    `${driftedTotal} differences, ${repaired} repaired${report.repair ? '' : ' (run with --repair to repair them)'}:`,
    '',
    ...renderTable([['subject', 'field', 'Redis', 'MySQL', 'expected', 'repaired', 'cause'], ...rows]),
    ...(unlisted > 0 ? [`... and ${unlisted} more`] : []),
  ].join('\n')
}

function toRow(drift: Drift): string[] {
  const { field, redis, mysql, expected, cause, repaired, unrepaired } = drift
  const value = (each: string | number | null) => (each === null ? '-' : printable(String(each)).slice(0, 40))
  return [
    drift.sku ?? drift.reservationId ?? '',
    field,
    value(redis),
    value(mysql),
    value(expected),
    repaired ? 'yes' : 'no',
    unrepaired ? `${cause} Not repaired: ${unrepaired}.` : cause,
  ]
}

/** What damaged data holds must not reach the terminal as control sequences. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}

/** Columns as wide as their widest cell; the last one is left ragged. */
function renderTable(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  )
}
