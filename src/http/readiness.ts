import type { Redis } from 'ioredis'
import { comparePositions } from '../domain/position.js'
import type { Database } from '../ledger/database.js'
import { pendingMigrations } from '../ledger/migrations.js'
import { readQuarantineSize } from '../ledger/quarantine-queries.js'
import type { Keyring } from './keyring.js'
import { Findings, type ReadinessProblem } from './readiness-problems.js'
import type { StoreServices } from './store-services.js'

export interface Readiness {
  /** Whether stock can be changed. Payments go on while new reservations are paused, so that is no reason. */
  ready: boolean
  /** What is wrong, in sentences; `ready` may still be true. */
  reasons: string[]
  /** What each reason is about, in the same order. */
  problems: ReadinessProblem[]
  /** What a hold's 201 survives on the connected servers (the contract's section on promises). */
  promises?: { holdSurvivesRedisCrash: boolean; confirmSurvivesLossOfEitherStore: boolean }
  stores: Record<string, { open: boolean; takesHolds: boolean; entriesBehind: number | null }>
}

/** How a process is: for those who balance and read, and for those who count. */
export interface Inspection {
  readiness: Readiness
  /** Whether each part does its work. */
  parts: Readonly<Record<string, boolean>>
  problems: readonly ReadinessProblem[]
}

/** Looks at every part the service depends on. Never rejects. */
export async function inspectService(
  redis: Redis,
  database: Database,
  stores: ReadonlyMap<string, StoreServices>,
  keyring: Keyring,
  isDraining: boolean,
): Promise<Inspection> {
  // Known without asking anybody, and told at once: a balancer has little time.
  const findings = new Findings()
  const { reasons, problems } = findings
  if (isDraining) {
    findings.add('service', 'stopping', 'This process is about to stop.')
    return { readiness: { ready: false, reasons, problems, stores: {} }, parts: { process: false }, problems }
  }
  const servers = await inspectServers(redis, database, findings)
  const { holdSurvivesRedisCrash } = servers
  if (servers.parts.mysql) await checkQuarantines(stores, findings)
  let { mysqlKeeps } = servers
  const knowsKeys = keyring.state !== 'unknown'
  if (!knowsKeys) {
    findings.add(
      'service',
      'keys-unknown',
      'The API keys have not been read from MySQL yet: calls answer 503.',
    )
  }
  const report: Readiness['stores'] = {}
  for (const [name, store] of stores) {
    const { reason } = store.fence
    if (reason) findings.addOfStore(name, 'fenced', `The store ${name} is fenced: ${reason}.`)
    const paused = store.guard.reason
    if (paused) {
      findings.addOfStore(name, 'holds-paused', `The store ${name} takes no new reservations: ${paused}.`)
    }
    if (store.guard.standstillMs > standstillMsMax) {
      findings.addOfStore(
        name,
        'standstill',
        `MySQL has taken no ledger entry of the store ${name} for more than ${standstillMsMax / 1000} s, and there are ` +
          'some: confirms answer 202; is a worker running, and what does its log say?',
      )
      mysqlKeeps = false
    }
    report[name] = {
      open: reason === undefined,
      takesHolds: reason === undefined && paused === undefined,
      entriesBehind: await entriesBehind(store),
    }
  }
  const readiness = {
    ready: knowsKeys && redis.status === 'ready' && Object.values(report).every((store) => store.open),
    reasons,
    problems,
    promises: { holdSurvivesRedisCrash, confirmSurvivesLossOfEitherStore: mysqlKeeps },
    stores: report,
  }
  const parts = { process: true, ...servers.parts, keys: knowsKeys }
  return { readiness, parts, problems }
}

/** Looks at Redis and MySQL alone. Never rejects. */
export async function inspectServers(redis: Redis, database: Database, findings: Findings) {
  const holdSurvivesRedisCrash = await checkRedis(redis, findings)
  const mysql = await checkMysql(database, findings)
  const mysqlKeeps = mysql && (await checkMysqlDurability(database, findings))
  const parts = { redis: redis.status === 'ready', mysql }
  return { parts, holdSurvivesRedisCrash, mysqlKeeps }
}

/** The ledger writer waits for a tenth of a second at most before it writes. */
const standstillMsMax = 10_000

/** @returns whether Redis writes every change to disk before it answers. */
async function checkRedis(redis: Redis, findings: Findings): Promise<boolean> {
  try {
    const [info, fsync, onRewrite, policy, maxmemory] = await Promise.all([
      redis.info('persistence'),
      redis.config('GET', 'appendfsync') as Promise<string[]>,
      redis.config('GET', 'no-appendfsync-on-rewrite') as Promise<string[]>,
      redis.config('GET', 'maxmemory-policy') as Promise<string[]>,
      redis.config('GET', 'maxmemory') as Promise<string[]>,
    ])
    if (policy[1] !== 'noeviction') {
      findings.add(
        'redis',
        'may-evict',
        `Redis has maxmemory-policy ${policy[1]}: it may evict stock; set noeviction.`,
      )
    }
    if (maxmemory[1] === '0') {
      findings.add(
        'redis',
        'no-maxmemory',
        'Redis has no maxmemory: it may take all of its machine before new reservations stop.',
      )
    }
    if (!/^aof_enabled:1/m.test(info)) {
      findings.add(
        'redis',
        'append-only-off',
        'Redis has appendonly off: a crash of Redis loses reservations.',
      )
      return false
    }
    if (fsync[1] !== 'always') {
      findings.add(
        'redis',
        'fsync-not-always',
        `Redis has appendfsync ${fsync[1]}: a crash of its machine may lose reservations.`,
      )
      return false
    }
    if (onRewrite[1] === 'yes') {
      findings.add(
        'redis',
        'no-fsync-on-rewrite',
        'Redis has no-appendfsync-on-rewrite yes: a crash of its machine while it rewrites its file may lose reservations.',
      )
      return false
    }
    return true
  } catch (error) {
    const hasAnswered = error instanceof Error && error.name === 'ReplyError'
    findings.add(
      'redis',
      hasAnswered ? 'settings-unknown' : 'unreachable',
      'Redis does not tell its persistence settings: it cannot be reached, or forbids CONFIG.',
    )
    return false
  }
}

async function checkMysql(database: Database, findings: Findings): Promise<boolean> {
  try {
    const pending = await pendingMigrations(database)
    if (pending.length === 0) return true
    findings.add(
      'mysql',
      'migrations-missing',
      `MySQL lacks migrations: ${pending.join(', ')}; run "holdfast migrate".`,
    )
  } catch {
    findings.add('mysql', 'unreachable', 'MySQL cannot be reached: holds go on, confirms answer 202.')
  }
  return false
}

/** @returns whether what MySQL has committed survives a crash of its machine. */
async function checkMysqlDurability(database: Database, findings: Findings): Promise<boolean> {
  const settings = await readMysqlDurability(database).catch(() => undefined)
  if (!settings) {
    findings.add(
      'mysql',
      'settings-unknown',
      'MySQL does not tell its durability settings: a crash of its machine may lose what it has.',
    )
    return false
  }
  const { flush, hasBinlog, sync } = settings
  if (flush !== 1) {
    findings.add(
      'mysql',
      'commit-not-flushed',
      `MySQL has innodb_flush_log_at_trx_commit ${flush}: a crash of its machine may lose payments that were called persisted.`,
    )
  }
  // Recovery rolls back what the binary log lacks.
  const isSynced = !hasBinlog || sync === 1
  if (!isSynced) {
    findings.add(
      'mysql',
      'binlog-not-synced',
      `MySQL has sync_binlog ${sync}: a crash of its machine may lose payments that were called persisted.`,
    )
  }
  return flush === 1 && isSynced
}

async function readMysqlDurability(database: Database) {
  const [row] = await database.$queryRaw<[Record<'flush_log' | 'log_bin' | 'sync_binlog', bigint | number>]>`
    SELECT @@innodb_flush_log_at_trx_commit AS flush_log, @@log_bin AS log_bin, @@sync_binlog AS sync_binlog`
  return { flush: Number(row.flush_log), hasBinlog: Number(row.log_bin) === 1, sync: Number(row.sync_binlog) }
}

/** Entries that the ledger writer set aside do not keep others from being sold. */
async function checkQuarantines(
  stores: ReadonlyMap<string, StoreServices>,
  findings: Findings,
): Promise<void> {
  for (const [name, { ledger }] of stores) {
    const size = await readQuarantineSize(ledger).catch(() => undefined)
    if (!size) continue
    const { malformed, waiting, discarded, skus } = size
    if (malformed + waiting > 0) {
      findings.addOfStore(
        name,
        'quarantined',
        `The store ${name} has ${malformed} ledger entries that cannot be read and ${waiting} that wait behind them: ` +
          `payments for ${skus} SKUs answer 202, and it cannot be restored from MySQL; ` +
          'see "holdfast quarantine list".',
      )
    }
    if (discarded > 0) {
      findings.addOfStore(
        name,
        'quarantined',
        `The store ${name} has ${discarded} discarded ledger entries that no reconciliation has settled: it cannot be ` +
          'restored from MySQL; run "holdfast reconcile --repair".',
      )
    }
  }
}

/** How many ledger entries MySQL lacks, or null when Redis does not answer. */
async function entriesBehind(store: StoreServices): Promise<number | null> {
  const end = await store.reader.position().catch(() => undefined)
  const { current } = store.watermark
  if (!end) return null
  return comparePositions(end, current) <= 0 ? 0 : end.sequence - current.sequence
}
