import { targetTable } from '../report.js'
import { median } from '../results.js'
import { figure, formatTable, whole } from '../table.js'
import { atLeast, atMost, type TargetCheck } from '../targets.js'
import type { ScaleFigures } from './scale-figures.js'

export function checkScaleTargets({ growth, memory, drain, due, confirmWait }: ScaleFigures): TargetCheck[] {
  const growthRatio = median((growth?.passes ?? []).map(({ few, many }) => many / few))
  const waited = median((confirmWait?.passes ?? []).map(({ withMs, withoutMs }) => withMs - withoutMs))
  const meanwhile = due && due.holdsPerSecondMeanwhile / due.holdsPerSecondBefore
  return [
    atLeast(`hold rate at ${whole(growth?.many)} open over that at ${whole(growth?.few)}`, growthRatio, 0.9),
    atMost('Redis bytes for each open reservation', memory?.bytesPerHold, 600),
    atLeast('ledger entries drained a second', drain?.entriesPerSecond, 20_000),
    atMost(`seconds the last of ${whole(due?.holds)} due at once was late`, due && due.latestMs / 1000, 4),
    atLeast('hold rate meanwhile over before', meanwhile, 0.5),
    atMost(
      `ms that waiting for MySQL adds to a payment, ${confirmWait?.connections} connections`,
      waited,
      30,
    ),
  ].filter((check) => check.value !== undefined)
}

/** What a person reads. */
export function formatScaleReport(figures: ScaleFigures, verdict: boolean): string {
  const { drain, memory, growth, skus, due, twoOfEach, confirmWait } = figures
  const rows: string[][] = []
  if (drain)
    rows.push(['ledger drain', `${whole(drain.entriesPerSecond)} entries/s of ${whole(drain.entries)}`])
  if (memory) rows.push(['open reservation in Redis', `${whole(memory.bytesPerHold)} bytes`])
  for (const { few, many } of growth?.passes ?? []) {
    rows.push(['hold rate of bare, few and many open', `${figure(few)} and ${figure(many)}`])
  }
  if (skus) {
    rows.push([
      `${whole(skus.skus)} SKUs`,
      `${whole(skus.holdsPerSecond)} holds/s, ${figure(skus.ofBare)} of bare`,
    ])
    rows.push(['a SKU in Redis', `${whole(skus.bytesPerSku)} bytes`])
  }
  if (due) {
    rows.push([`${whole(due.holds)} due in one second`, `the last ${whole(due.latestMs)} ms late`])
    rows.push(['holds/s before', whole(due.holdsPerSecondBefore)])
    rows.push(['holds/s meanwhile', whole(due.holdsPerSecondMeanwhile)])
  }
  if (twoOfEach) {
    const { holdsPerSecond, ofBare } = twoOfEach
    rows.push(['two APIs, two workers', `${whole(holdsPerSecond)} holds/s, ${figure(ofBare)} of bare`])
  }
  for (const { withoutMs, withMs } of confirmWait?.passes ?? []) {
    rows.push([
      'median of a payment, not waiting and waiting',
      `${figure(withoutMs)} and ${figure(withMs)} ms`,
    ])
  }
  const table = formatTable(['scale', 'value'], rows)
  return verdict ? `${table}\n\n${targetTable(checkScaleTargets(figures))}` : table
}
