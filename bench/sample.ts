import type { Latencies } from './latency-histogram.js'
import type { LoadResult } from './load/load-spec.js'

/** `bare` just before and just after a measurement: the mean of both. */
export interface BareSample {
  requestsPerSecond: number
  p99: number
  apiCpuMs: number
  loadBusy: number
}

/** What many at once were told, who wanted the few units there were. */
export interface OversellCheck {
  units: number
  accepted: number
  /** Units that were promised, and that the stock does not lack: they can be promised again. */
  untaken: number
}

export function isOversold({ units, accepted, untaken }: OversellCheck): boolean {
  return accepted > units || untaken > 0
}

/** One measurement of one pass. Times in ms, CPU in ms for 1,000 requests. */
export interface Sample {
  requestsPerSecond: number
  /** Over the mean of the two `bare` beside it. */
  ofBare: number
  acceptedPerSecond: number
  refusedPerSecond: number
  accepted: Latencies
  refused: Latencies
  /** Answers that are neither yes nor a definite no. */
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
  const requestsPerSecond = result.responses / result.seconds
  return {
    requestsPerSecond,
    ofBare: requestsPerSecond / bare.requestsPerSecond,
    acceptedPerSecond: result.accepted.count / result.seconds,
    refusedPerSecond: result.refused.count / result.seconds,
    accepted: result.accepted,
    refused: result.refused,
    broken: result.broken,
    cpuMs: perThousand(servers, result.responses),
    loadBusy: load / (result.seconds * 1000),
    bare,
  }
}
