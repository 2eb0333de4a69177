import { type BenchRun, bareSpec, oversellPrefix } from './bench-run.js'
import { type Sample, sampleOf } from './sample.js'
import { startReserveProcess } from './servers/reserve-process.js'
import { readAvailable, setStock, type Target } from './servers/target.js'
import { skuName } from './workloads.js'

const units = 1_000_000_000

/** What stands behind the route instead of the product. */
export interface Other {
  name: string
  /** `bare-script`, or the path of a peer's module. */
  module: string
  env: Record<string, string>
  /** Its servers' processes, by name. */
  pids: Readonly<Record<string, readonly number[]>>
}

/** Measures the `hot-sku` workload on another server behind the same route, between two `bare`. */
export async function measureOther(run: BenchRun, other: Other): Promise<Sample> {
  const { options, servers, cleanup } = run
  const { name, module, env } = other
  const server = await startReserveProcess({ name, module, env, folder: servers.folder, cleanup })
  try {
    const url = server.urls[0] as string
    const target: Target = { urls: server.urls, pids: { ...server.pids, ...other.pids } }
    await setStock(url, 'sku', 1, units)
    const spec = { ...bareSpec(target), connections: options.connections }
    const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
    const few = await run.checkOversell(server.urls, (prefix, count) => setStock(url, prefix, 1, count))
    const fewTaken = few.units - (await readAvailable(url, skuName(oversellPrefix, 0)))
    const { found, bare } = await run.besideBare(spec.connections, () =>
      run.measure(target, { ...spec, seconds: options.seconds }),
    )
    const { result, cpuMs } = found
    const taken = units - (await readAvailable(url, skuName('sku', 0)))
    const told = warmUp.accepted.count + result.accepted.count
    return {
      ...sampleOf(result, cpuMs, bare),
      oversell: {
        ...few,
        untaken: Math.max(0, told - taken) + Math.max(0, few.accepted - fewTaken),
      },
    }
  } finally {
    await server.stop()
  }
}
