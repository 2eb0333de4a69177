import { type Measured, medianOf, type Results } from './results.js'
import { isOversold, type Sample } from './sample.js'
import { figure, formatTable, whole } from './table.js'
import { checkTargets, type TargetCheck } from './targets.js'

/** The tables that a person reads, of medians over the passes; without a verdict where it means nothing. */
export function formatReport(results: Results, verdict: boolean): string {
  const parts: string[] = []
  if (results.samples.length > 0) parts.push(sampleTable(results.samples))
  if (results.scripts.length > 0) parts.push(scriptTable(results.scripts))
  const targets = verdict ? checkTargets(results) : []
  if (targets.length > 0) parts.push(targetTable(targets))
  if (results.skipped.length > 0) parts.push(results.skipped.map(skippedLine).join('\n'))
  return parts.join('\n\n')
}

function sampleTable(samples: readonly Measured<Sample>[]): string {
  const header = [
    'workload',
    'req/s',
    'of bare',
    'yes/s',
    'no/s',
    'p50',
    'p99',
    'p99.9 ms',
    'api',
    'redis',
    'worker',
    'SQL',
    'CPU ms/1000',
    'load',
    'bare load',
    'behind',
    'drain s',
    'broken',
    'oversell',
  ]
  return formatTable(header, samples.map(sampleRow))
}

function sampleRow(measured: Measured<Sample>): string[] {
  const of = (read: (sample: Sample) => number | undefined) => medianOf(measured, read)
  const cpu = (name: string) => of((sample) => sample.cpuMs[name])
  const answered = (sample: Sample) => (sample.accepted.count > 0 ? sample.accepted : sample.refused)
  const total = of(({ cpuMs }) => Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0))
  return [
    measured.name,
    whole(of((sample) => sample.requestsPerSecond)),
    figure(of((sample) => sample.ofBare)),
    whole(of((sample) => sample.acceptedPerSecond)),
    whole(of((sample) => sample.refusedPerSecond)),
    figure(of((sample) => answered(sample).p50)),
    figure(of((sample) => answered(sample).p99)),
    figure(of((sample) => answered(sample).p999)),
    figure(cpu('api')),
    figure(cpu('redis')),
    figure(cpu('worker')),
    figure(cpu('mariadb') ?? cpu('postgres')),
    figure(total),
    figure(of((sample) => sample.loadBusy)),
    figure(of((sample) => sample.bare.loadBusy)),
    whole(of((sample) => sample.lagEntries)),
    figure(of(({ drainMs }) => (drainMs === undefined ? undefined : drainMs / 1000))),
    whole(of((sample) => sample.broken)),
    oversellText(measured),
  ]
}

/** The worst pass. */
function oversellText(measured: Measured<Sample>): string {
  const checks = measured.passes.flatMap(({ oversell }) => (oversell ? [oversell] : []))
  const worst = checks.find(isOversold) ?? checks[0]
  if (!worst) return '-'
  const text = `${worst.accepted} of ${worst.units}`
  if (!isOversold(worst)) return text
  return worst.untaken > 0 ? `OVERSOLD ${text}, ${worst.untaken} not taken` : `OVERSOLD ${text}`
}

function scriptTable(scripts: Results['scripts']): string {
  return formatTable(
    ['script alone', 'holds/s', 'redis CPU ms/1000', ''],
    scripts.map((measured) => [
      measured.name,
      whole(medianOf(measured, (sample) => sample.holdsPerSecond)),
      figure(medianOf(measured, (sample) => sample.redisCpuMs)),
      measured.about,
    ]),
  )
}

export function targetTable(targets: readonly TargetCheck[]): string {
  return formatTable(
    ['target', 'value', '', ''],
    targets.map(({ figure: name, target, value, met }) => [
      name,
      figure(value),
      target,
      met ? 'met' : 'MISSED',
    ]),
  )
}

function skippedLine({ name, reason }: { name: string; reason: string }): string {
  return `${name} was skipped: ${reason}`
}
