import type { BenchOptions } from './options.js'
import { type Measured, medianOf, type Results, worstOf } from './results.js'
import { isOversold, type Sample } from './sample.js'
import { figure, formatTable, whole } from './table.js'
import { checkTargets, type TargetCheck } from './targets.js'

type Read = (sample: Sample) => number | undefined

/**
 * The tables that a person reads, of medians over the passes.
 *
 * @param options a smoke run gets no verdict; in a whole run a target without a figure is named, too.
 */
export function formatReport(results: Results, options: BenchOptions): string {
  const { samples, scripts, skipped } = results
  const parts: string[] = []
  if (samples.length > 0) {
    parts.push(rateTable(samples), rateNote(results), costTable(samples))
  }
  if (scripts.length > 0) parts.push(scriptTable(scripts))
  const targets = targetsToShow(checkTargets(results), options)
  if (targets.length > 0) parts.push(targetTable(targets))
  if (skipped.length > 0) parts.push(skipped.map(skippedLine).join('\n'))
  return parts.join('\n\n')
}

export function targetsToShow(
  targets: readonly TargetCheck[],
  { only, smoke }: BenchOptions,
): readonly TargetCheck[] {
  return smoke ? [] : targets.filter(({ value }) => only === undefined || value !== undefined)
}

function rateTable(samples: readonly Measured<Sample>[]): string {
  const header = ['workload', 'answers/s', 'of bare', 'yes/s', 'no/s', 'yes p50', 'p99', 'p99.9 ms']
  return formatTable(
    [...header, 'no p50', 'p99', 'p99.9 ms', '503', '202', 'broken', 'oversell'],
    [...bareRows(samples), ...samples.flatMap(rateRows)],
  )
}

/** `bare` beside the canonical workload: what every ratio is read against. */
function bareRows(samples: readonly Measured<Sample>[]): string[][] {
  const hot = samples.find(({ name }) => name === 'hot-sku')
  if (!hot) return []
  const rate = whole(medianOf(hot, ({ bare }) => bare.requestsPerSecond))
  const latencies = (['p50', 'p99', 'p999'] as const).map((key) =>
    figure(medianOf(hot, ({ bare }) => bare[key])),
  )
  return [['bare', rate, '1', rate, '0', ...latencies, '-', '-', '-', '0', '0', '0', '-']]
}

function rateRows(measured: Measured<Sample>): string[][] {
  const of = (read: Read) => medianOf(measured, read)
  const quantiles = (kind: 'accepted' | 'refused' | 'finished') =>
    (['p50', 'p99', 'p999'] as const).map((key) => figure(of((sample) => sample[kind][key])))
  const worst = (read: (sample: Sample) => number) => whole(worstOf(measured, read))
  const rows = [
    [
      measured.name,
      whole(of((sample) => sample.requestsPerSecond)),
      figure(of((sample) => sample.ofBare)),
      whole(of((sample) => sample.acceptedPerSecond)),
      whole(of((sample) => sample.refusedPerSecond)),
      ...quantiles('accepted'),
      ...quantiles('refused'),
      worst(({ byStatus }) => byStatus[503] ?? 0),
      worst(({ byStatus }) => byStatus[202] ?? 0),
      worst(({ broken }) => broken),
      oversellText(measured),
    ],
  ]
  if (of(({ finished }) => finished.p50) !== undefined) {
    rows.push([
      `${measured.name}: pay, cancel`,
      '',
      '',
      '',
      '',
      ...quantiles('finished'),
      '',
      '',
      '',
      '',
      '',
      '',
      '',
    ])
  }
  return rows
}

function rateNote({ samples }: Results): string {
  const lines = [
    'answers/s: yes and definite no. 503 (repeat later), 202 (paid, not in MySQL yet) and broken: the worst pass.',
    'of bare: bare is always one call for one line of one SKU.',
    ...samples.map(({ name, about }) => `${name}: ${about}.`),
  ]
  return lines.join('\n')
}

function costTable(samples: readonly Measured<Sample>[]): string {
  const header = ['CPU ms for 1,000 answers', 'api', 'redis', 'worker', 'SQL', 'all', 'bare api']
  return formatTable(
    [...header, 'load', 'bare load', 'entries behind', 'drain s'],
    samples.map((measured) => {
      const of = (read: Read) => medianOf(measured, read)
      const cpu = (name: string) => of((sample) => sample.cpuMs[name])
      return [
        measured.name,
        figure(cpu('api')),
        figure(cpu('redis')),
        figure(cpu('worker')),
        figure(cpu('mariadb') ?? cpu('postgres')),
        figure(of(({ cpuMs }) => Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0))),
        figure(of((sample) => sample.bare.apiCpuMs)),
        figure(of((sample) => sample.loadBusy)),
        figure(of((sample) => sample.bare.loadBusy)),
        whole(of((sample) => sample.lagEntries)),
        figure(of(({ drainMs }) => (drainMs === undefined ? undefined : drainMs / 1000))),
      ]
    }),
  )
}

/** The worst pass. */
function oversellText(measured: Measured<Sample>): string {
  const checks = measured.passes.flatMap(({ oversell }) => (oversell ? [oversell] : []))
  const worst = checks.find(isOversold) ?? checks.find(({ broken }) => broken > 0) ?? checks[0]
  if (!worst) return '-'
  const { accepted, units, untaken, broken } = worst
  const notes = [
    ...(untaken > 0 ? [`${untaken} not taken`] : []),
    ...(broken > 0 ? [`${broken} broken`] : []),
  ]
  return [`${isOversold(worst) ? 'OVERSOLD ' : ''}${accepted} of ${units}`, ...notes].join(', ')
}

function scriptTable(scripts: Results['scripts']): string {
  return formatTable(
    ['script alone', 'holds/s', 'of bare', 'redis CPU ms/1000', ''],
    scripts.map((measured) => [
      measured.name,
      whole(medianOf(measured, (sample) => sample.holdsPerSecond)),
      figure(medianOf(measured, (sample) => sample.ofBare)),
      figure(medianOf(measured, (sample) => sample.redisCpuMs)),
      measured.about,
    ]),
  )
}

export function targetTable(targets: readonly TargetCheck[]): string {
  return formatTable(
    ['figure', 'value', 'target', ''],
    targets.map(({ figure: name, target, value, met }) => [
      name,
      figure(value),
      target,
      met === undefined ? 'NOT MEASURED' : met ? 'met' : 'MISSED',
    ]),
  )
}

function skippedLine({ name, reason }: { name: string; reason: string }): string {
  return `${name} was skipped: ${reason}`
}
