import type { Latencies } from './latency-histogram.js'
import { definiteAnswers, type LoadResult } from './load/load-spec.js'

/** `bare` just before and just after a measurement: the mean of both. CPU in ms for 1,000 requests. */
export interface BareSample {
  requestsPerSecond: number
  p50: number
  p99: number
  p999: number
  apiCpuMs: number
  loadBusy: number
}

/** What many at once were told, who wanted the few units there were. */
export interface OversellCheck {
  units: number
  accepted: number
  /** Shoppers who were told neither yes nor no. */
  broken: number
  /** Units that were promised, and that the stock does not lack: they can be promised again. */
  untaken: number
}

export function isOversold({ units, accepted, untaken }: OversellCheck): boolean {
  return accepted > units || untaken > 0
}

/** One measurement of one pass. Times in ms, CPU in ms for 1,000 definite answers. */
export interface Sample {
  /** Requests that were answered with a yes or a definite no; a 503 or a 500 is nobody's speed. */
  requestsPerSecond: number
  /** Over the mean of the two `bare` beside it. */
  ofBare: number
  acceptedPerSecond: number
  refusedPerSecond: number
  /** Holds. */
  accepted: Latencies
  /** Holds paid for or cancelled. */
  finished: Latencies
  refused: Latencies
  byStatus: Record<number, number>
  /** Requests without an answer, or with one that nobody may give. */
  broken: number
  cpuMs: Record<string, number>
  /** Share of a core that the load generator used. */
  loadBusy: number
  bare: BareSample
  /** Entries that MySQL lacked when the load ended, and how long it took it to have them. */
  lagEntries?: number
  drainMs?: number
  oversell?: OversellCheck
}

export function perThousand(
  cpuMs: Readonly<Record<string, number>>,
  requests: number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, (ms / requests) * 1000]))
}

/** The figures that every measurement under load has. */
export function sampleOf(
  result: LoadResult,
  cpuMs: Readonly<Record<string, number>>,
  bare: BareSample,
): Sample {
  const { load = Number.NaN, ...servers } = cpuMs
  const { acceptedPerSecond, refusedPerSecond, accepted, finished, refused, byStatus, broken } = result
  const requestsPerSecond = acceptedPerSecond + refusedPerSecond
  return {
    requestsPerSecond,
    ofBare: requestsPerSecond / bare.requestsPerSecond,
    acceptedPerSecond,
    refusedPerSecond,
    accepted,
    finished,
    refused,
    byStatus,
    broken,
    cpuMs: perThousand(servers, definiteAnswers(result)),
    loadBusy: load / (result.seconds * 1000),
    bare,
  }
}

export function meanOf(a: BareSample, b: BareSample): BareSample {
  const mean = (figure: keyof BareSample) => (a[figure] + b[figure]) / 2
  return {
    requestsPerSecond: mean('requestsPerSecond'),
    p50: mean('p50'),
    p99: mean('p99'),
    p999: mean('p999'),
    apiCpuMs: mean('apiCpuMs'),
    loadBusy: mean('loadBusy'),
  }
}
