import { comparePositions, formatPosition, type Position } from '../domain/position.js'
import type { Drift } from '../domain/reconciliation.js'
import { type Counts, parseCounts } from '../domain/stock.js'
import { LedgerPages } from '../ledger/ledger-pages.js'
import { type DiscardedEntry, readHeldBack } from '../ledger/quarantine-queries.js'
import { readSkusAt, type SkuAtPosition } from '../ledger/reconciliation-queries.js'
import type { Correction, Reading, StoreCorrections } from '../stock/store-corrections.js'
import type { Survey, SurveyedSku } from '../stock/store-survey.js'
import { judgeLedger, type LedgerVerdict, withCounted } from './reconciliation-ledger.js'
import { compareParts, type ReconciliationRun, readingOf, settle } from './reconciliation-run.js'

/**
 * Compares the counts of SKUs: Redis at a position, MySQL's row, and the ledger up to there.
 *
 * @param skus those alone, which Redis or MySQL knows; otherwise every SKU that one of them does.
 */
export async function reconcileStock(
  run: ReconciliationRun,
  skus: readonly string[] | undefined,
): Promise<void> {
  const { partItems } = run.settings
  await compareParts(run, async (add) => {
    const compare = (part: Survey<SurveyedSku>) =>
      add(async () => {
        await compareSkus(run, part)
        run.findings.checked.skus += part.items.length
      })
    if (skus) {
      for (let i = 0; i < skus.length; i += partItems) {
        await compare(await run.survey.skus(skus.slice(i, i + partItems)))
      }
      return
    }
    for await (const part of run.survey.scanSkus(partItems)) {
      await run.beat()
      await compare(part)
    }
    for await (const part of skusMissingInRedis(run)) {
      await run.beat()
      await compare(part)
    }
  })
}

/** Walks through the SKUs that MySQL knows, for those that Redis does not hold. */
async function* skusMissingInRedis(run: ReconciliationRun): AsyncGenerator<Survey<SurveyedSku>> {
  const pages = await LedgerPages.now(run.ledger, run.settings.pageRows)
  for await (const names of pages.skuNames()) yield await run.survey.missingSkus(names)
}

/** Other shelves are counted while a run is at work. */
const attemptsMax = 5

async function compareSkus(
  run: ReconciliationRun,
  part: Survey<SurveyedSku>,
  attempts = attemptsMax,
): Promise<void> {
  const { position, items } = part
  if (items.length === 0) return
  await run.lag.passed(position)
  const names = items.map(({ sku }) => sku)
  // In this order: what is set aside meanwhile is of after the position.
  const { quarantined, discarded } = await readHeldBack(run.ledger, names)
  const known = await readSkusAt(run.ledger, names, position)
  for (const item of items) {
    const mysql = withCounted(known.get(item.sku) as SkuAtPosition, parseCounts(item.counts))
    if (quarantined.has(item.sku)) run.findings.add([describeQuarantined(run, item, mysql)])
    else if (!agrees(item, mysql, position)) await report(run, position, item, mysql, discarded, attempts)
  }
  run.findings.compared(position)
}

/** Whether Redis, the row, the newest line and the sum of all lines say the same. */
function agrees({ counts, listed }: SurveyedSku, mysql: SkuAtPosition, at: Position): boolean {
  const { row, rowLine, line, fold } = mysql
  if (!row || !rowLine || !line || !listed) return false
  if (!equal(line, fold) || counts !== text(fold) || !equal(row, rowLine)) return false
  return comparePositions(row.position, at) > 0 || comparePositions(row.position, line.position) === 0
}

async function report(
  run: ReconciliationRun,
  at: Position,
  item: SurveyedSku,
  mysql: SkuAtPosition,
  discarded: readonly DiscardedEntry[],
  attempts: number,
): Promise<void> {
  // Met twice, and read before it was corrected.
  if (run.findings.hasCorrected(item.sku)) return
  const verdict = judgeDiscarded(discarded, item) ?? (await judgeLedger(run.ledger, item, mysql, at))
  const drifts = describe(item, mysql, verdict, at)
  if (run.corrections && drifts.length > 0) {
    const correction = await correct(run.corrections, readingOf(run, at), item, mysql, verdict)
    if ('isOutdated' in correction && attempts > 1) {
      return compareSkus(run, await run.survey.skus([item.sku]), attempts - 1)
    }
    settle(run, drifts, correction)
    if ('position' in correction) {
      run.findings.correctedCounts(item.sku)
      const available = drifts.find(({ field }) => field === 'available')
      if (correction.short && available && !verdict.oversold)
        available.cause += ` ${tooMany(correction.short)}`
    }
  }
  run.findings.add(drifts)
}

async function correct(
  corrections: StoreCorrections,
  reading: Reading,
  item: SurveyedSku,
  mysql: SkuAtPosition,
  { truth, oversold = 0 }: LedgerVerdict,
): Promise<Correction> {
  if (!truth) return { unrepaired: 'the ledger does not tell what the counts should be' }
  // Nothing more can be done about it in Redis.
  if (oversold > 0 && item.counts === text(truth) && mysql.row && equal(mysql.row, truth)) {
    return { unrepaired: 'it has to be settled with the customers; the next count of the shelf ends it' }
  }
  const available = truth.available - oversold
  const why = reason(item, mysql, reading.position)
  return corrections.correctCounts(reading, item.sku, item.counts, { ...truth, available }, why)
}

/** Of units that were taken and were not there. */
function tooMany(units: number): string {
  return `Of it, ${units} more were held or sold than there were.`
}

/** MySQL lacks entries of the SKU that it holds back, so there is nothing to compare. */
function describeQuarantined(run: ReconciliationRun, item: SurveyedSku, { row }: SkuAtPosition): Drift {
  return {
    sku: item.sku,
    field: 'quarantine',
    redis: item.counts === '' ? null : item.counts,
    mysql: row ? text(row) : null,
    expected: null,
    cause: 'Ledger entries of it are quarantined; "holdfast quarantine list" shows behind which.',
    repaired: false,
    ...(run.corrections && {
      unrepaired: 'MySQL applies them once the first of them is retried or discarded',
    }),
  }
}

/**
 * Redis is the one that knows what an entry moved that was discarded: it wrote it in the step that
 * changed its counts.
 */
function judgeDiscarded(
  discarded: readonly DiscardedEntry[],
  { sku, counts }: SurveyedSku,
): LedgerVerdict | undefined {
  const entry = discarded.find(({ skus }) => !skus || skus.includes(sku))
  const truth = parseCounts(counts)
  if (!entry || !truth) return undefined
  const moved = entry.skus ? 'it moved the SKU' : 'it may have moved the SKU'
  const ledgerCause = `The ledger entry ${formatPosition(entry.position)} was discarded, and ${moved}.`
  return { truth, redisCause: ledgerCause, ledgerCause, isDiscarded: true }
}

/** The values before, for the ledger. */
function reason(item: SurveyedSku, mysql: SkuAtPosition, at: Position): string {
  const redis = item.counts === '' ? 'nothing' : parseCounts(item.counts) ? item.counts : 'unreadable counts'
  const row = mysql.row ? text(mysql.row) : 'nothing'
  return `reconciliation: at ${formatPosition(at)} Redis had ${redis}, MySQL ${row}`
}

const countNames = ['available', 'held', 'sold'] as const

function describe(item: SurveyedSku, mysql: SkuAtPosition, verdict: LedgerVerdict, at: Position): Drift[] {
  const { sku } = item
  const redis = parseCounts(item.counts)
  const { row, rowLine, line } = mysql
  const { truth } = verdict
  const drifts: Drift[] = []
  const add = (
    field: string,
    values: Pick<Drift, 'redis' | 'mysql' | 'expected'>,
    causes: (string | undefined)[],
  ) => {
    const cause = causes.filter((each) => each !== undefined).join(' ')
    drifts.push({ sku, field, ...values, cause, repaired: false })
  }
  // A row that is newer than the position is judged where it stands; at the position MySQL had the line.
  const newer = row !== undefined && comparePositions(row.position, at) > 0
  const rowExpected = newer ? rowLine : truth
  const mysqlAt = newer ? line : row
  const redisCause = redis && !(truth && equal(redis, truth)) ? verdict.redisCause : undefined
  if (!redis || !mysqlAt) {
    add(
      'counts',
      {
        redis: item.counts === '' ? null : item.counts,
        mysql: mysqlAt ? text(mysqlAt) : null,
        expected: truth ? text(truth) : null,
      },
      [
        redis ? redisCause : missingInRedis(item),
        mysqlAt || verdict.isDiscarded ? undefined : missingInMysql(mysql),
        verdict.ledgerCause,
      ],
    )
  } else {
    for (const count of countNames) {
      const expected = truth?.[count] ?? null
      const ledgerDiffers = line?.[count] !== mysql.fold[count]
      const rowDiffers = mysqlAt[count] !== expected
      if (redis[count] === expected && !rowDiffers && !ledgerDiffers) continue
      add(count, { redis: redis[count], mysql: mysqlAt[count], expected }, [
        redis[count] === expected ? undefined : verdict.redisCause,
        rowDiffers && !newer && mysqlAt[count] !== redis[count] && !verdict.isDiscarded
          ? "MySQL's stock row was changed outside Holdfast."
          : undefined,
        count === 'available' && verdict.oversold ? tooMany(verdict.oversold) : undefined,
        verdict.ledgerCause,
      ])
    }
  }
  if (newer && row && !(rowLine && equal(row, rowLine))) {
    add('row', { redis: null, mysql: text(row), expected: rowExpected ? text(rowExpected) : null }, [
      rowLine
        ? "MySQL's stock row was changed outside Holdfast."
        : `MySQL's stock row says it is of ${formatPosition(row.position)}, which the ledger does not have.`,
    ])
  } else if (row && !newer && line && comparePositions(row.position, line.position) !== 0) {
    add(
      'position',
      { redis: null, mysql: formatPosition(row.position), expected: formatPosition(line.position) },
      ["MySQL's stock row was changed outside Holdfast, or its ledger line is missing."],
    )
  }
  if (!item.listed) {
    add('listed', { redis: 'missing', mysql: null, expected: 'listed' }, [
      'The SKU was taken from the list of SKUs in Redis outside Holdfast.',
    ])
  }
  return drifts
}

function missingInRedis(item: SurveyedSku): string {
  return item.counts === ''
    ? "The SKU's counts were deleted from Redis outside Holdfast."
    : "The SKU's counts in Redis were overwritten outside Holdfast by what cannot be read."
}

function missingInMysql({ line }: SkuAtPosition): string {
  return line
    ? "MySQL's stock row was deleted outside Holdfast."
    : 'The SKU was written to Redis outside Holdfast: the ledger has no entry of it.'
}

function equal(a: Counts, b: Counts): boolean {
  return a.available === b.available && a.held === b.held && a.sold === b.sold
}

function text({ available, held, sold }: Counts): string {
  return `${available} ${held} ${sold}`
}
