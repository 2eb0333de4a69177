import type { BenchOptions } from '../options.js'
import { targetsToShow, targetTable } from '../report.js'
import { median } from '../results.js'
import { figure, formatTable, whole } from '../table.js'
import { atLeast, atMost, type TargetCheck } from '../targets.js'
import type { ScaleFigures } from './scale-figures.js'

export function checkScaleTargets(figures: ScaleFigures): TargetCheck[] {
  const { growth, memory, drain, due, confirmWait, reconciliation } = figures
  const growthRatio = median((growth?.passes ?? []).map(({ few, many }) => many / few))
  const drained = median((drain?.passes ?? []).map(({ entriesPerSecond }) => entriesPerSecond))
  const late = (due?.passes ?? []).map(({ latestMs }) => latestMs / 1000)
  const meanwhile = (due?.passes ?? []).map((pass) => pass.meanwhileOfBare / pass.beforeOfBare)
  const waited = median((confirmWait?.passes ?? []).map(({ withMs, withoutMs }) => withMs - withoutMs))
  const compared = reconciliation?.passes ?? []
  const peaks = compared.flatMap(({ alone, underLoad }) => [alone.peakMb, underLoad.peakMb])
  const what = `${whole(reconciliation?.reservations)} reservations and ${whole(reconciliation?.skus)} SKUs`
  return [
    atLeast(
      `hold rate from ${whole(growth?.many)} open on over that from ${whole(growth?.few)} on`,
      growthRatio,
      0.9,
    ),
    atMost('Redis bytes for each open reservation, keys of 36 bytes', memory?.bytesPerHold, 600),
    atLeast('ledger entries drained a second', drained, 20_000),
    atMost(`seconds the last of ${whole(due?.holds)} due at once was late`, median(late), 4),
    atLeast('hold rate until they are back over before', median(meanwhile), 0.5),
    atMost(
      `ms that waiting for MySQL adds to a payment, ${whole(confirmWait?.connections)} connections`,
      waited,
      30,
    ),
    atMost(`seconds to compare ${what}`, median(compared.map(({ alone }) => alone.seconds)), 60),
    atMost('the same beside a load', median(compared.map(({ underLoad }) => underLoad.seconds)), 60),
    atMost('MiB of memory it takes at most', peaks.length > 0 ? Math.max(...peaks) : undefined, 300),
  ]
}

/**
 * What a person reads.
 *
 * @param options a smoke run gets no verdict; in a whole run a target without a figure is named, too.
 */
export function formatScaleReport(figures: ScaleFigures, options: BenchOptions): string {
  const { drain, memory, growth, skus, due, twoOfEach, confirmWait, reconciliation } = figures
  const rows: string[][] = []
  for (const { entriesPerSecond, entries, bare } of drain?.passes ?? []) {
    const rate = `${whole(entriesPerSecond)} entries/s of ${whole(entries)}`
    rows.push(['ledger drain', `${rate}, bare beside it ${whole(bare)} req/s`])
  }
  if (memory) rows.push(['open reservation in Redis', `${whole(memory.bytesPerHold)} bytes`])
  for (const { few, many } of growth?.passes ?? []) {
    rows.push(['hold rate of bare, from few and from many open', `${figure(few)} and ${figure(many)}`])
  }
  if (skus) {
    const { holdsPerSecond, ofBare } = skus
    rows.push([`${whole(skus.skus)} SKUs`, `${whole(holdsPerSecond)} holds/s, ${figure(ofBare)} of bare`])
    rows.push(['a SKU in Redis', `${whole(skus.bytesPerSku)} bytes`])
  }
  for (const pass of due?.passes ?? []) {
    rows.push([`${whole(due?.holds)} due in one second`, `the last ${whole(pass.latestMs)} ms late`])
    rows.push(['holds/s before', `${whole(pass.before)}, ${figure(pass.beforeOfBare)} of bare`])
    rows.push([
      'holds/s until they are back',
      `${whole(pass.meanwhile)}, ${figure(pass.meanwhileOfBare)} of bare`,
    ])
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
  for (const { alone, underLoad, holdsPerSecond } of reconciliation?.passes ?? []) {
    const beside = `${figure(underLoad.seconds)} s and ${whole(underLoad.peakMb)} MB beside ${whole(holdsPerSecond)} holds/s`
    rows.push(['reconcile', `${figure(alone.seconds)} s and ${whole(alone.peakMb)} MB, ${beside}`])
  }
  const targets = targetsToShow(checkScaleTargets(figures), options)
  const table = formatTable(['scale', 'value'], rows)
  return targets.length > 0 ? `${table}\n\n${targetTable(targets)}` : table
}
