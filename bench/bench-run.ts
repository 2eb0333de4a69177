import type { LoadGenerator } from './load/load-generator.js'
import type { LoadResult, LoadSpec } from './load/load-spec.js'
import type { BenchOptions } from './options.js'
import { watchCpu } from './process-cpu.js'
import { type BareSample, meanOf } from './sample.js'
import type { BenchServers } from './servers/bench-servers.js'
import type { Cleanup } from './servers/cleanup.js'
import type { Target } from './servers/target.js'

/** How long V8 needs to have compiled what a server runs. */
const warmUpSeconds = 4
const smokeWarmUpSeconds = 0.2
/** A measurement of `bare` beside another is this share of it, within these bounds. */
const bareShare = 0.25
const bareSecondsMin = 0.3
const bareSecondsMax = 3
/** The units of the oversell check, and the shoppers who want one each. */
export const oversellPrefix = 'few'
export const oversellUnits = 100
const oversellRequests = 500

/** What the measurements of a run share. */
export class BenchRun {
  constructor(
    readonly options: BenchOptions,
    readonly servers: BenchServers,
    readonly load: LoadGenerator,
    readonly bare: Target,
    readonly cleanup: Cleanup,
    readonly say: (line: string) => void,
  ) {}

  get warmUpSeconds(): number {
    return this.options.smoke ? smokeWarmUpSeconds : warmUpSeconds
  }

  /** One load on a target, and the CPU its processes and the generator used meanwhile, in ms. */
  async measure(
    target: Target,
    spec: LoadSpec,
  ): Promise<{ result: LoadResult; cpuMs: Record<string, number> }> {
    const read = watchCpu({ ...target.pids, load: [this.load.pid] })
    const result = await this.load.run(spec)
    return { result, cpuMs: read() }
  }

  /** A short measurement of `bare` with as many connections. */
  async measureBare(connections: number): Promise<BareSample> {
    const wanted = this.options.seconds * bareShare
    const seconds = Math.min(Math.max(wanted, bareSecondsMin), bareSecondsMax)
    const { result, cpuMs } = await this.measure(this.bare, { ...bareSpec(this.bare), connections, seconds })
    if (result.broken > 0) throw new Error(`bare broke ${result.broken} requests`)
    const { acceptedPerSecond, accepted } = result
    return {
      requestsPerSecond: acceptedPerSecond,
      p50: accepted.p50 ?? Number.NaN,
      p99: accepted.p99 ?? Number.NaN,
      p999: accepted.p999 ?? Number.NaN,
      apiCpuMs: ((cpuMs.api ?? Number.NaN) / accepted.count) * 1000,
      loadBusy: (cpuMs.load ?? Number.NaN) / (result.seconds * 1000),
    }
  }

  /** What the body measures, between two short ones of `bare`, and their mean. */
  async besideBare<T>(connections: number, body: () => Promise<T>): Promise<{ found: T; bare: BareSample }> {
    const before = await this.measureBare(connections)
    const found = await body()
    return { found, bare: meanOf(before, await this.measureBare(connections)) }
  }

  /** Many shoppers want the few units there are. @returns how many were told that they have one. */
  async checkOversell(
    urls: readonly string[],
    stock: (prefix: string, units: number) => Promise<void>,
  ): Promise<{ units: number; accepted: number; broken: number }> {
    await stock(oversellPrefix, oversellUnits)
    const spec = { ...bareSpec({ urls, pids: {} }), skuPrefix: oversellPrefix, requests: oversellRequests }
    const result = await this.load.run({ ...spec, connections: Math.min(this.options.connections, 64) })
    const { accepted, broken } = result
    return { units: oversellUnits, accepted: accepted.count, broken }
  }
}

/** One line of one SKU. */
export function bareSpec(target: Target): LoadSpec {
  return {
    urls: target.urls,
    connections: 1,
    shape: 'reserve',
    skuPrefix: 'sku',
    skus: 1,
    lines: 1,
    ttlSeconds: 900,
  }
}
