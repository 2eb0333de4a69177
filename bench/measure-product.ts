import { likenessPrefix, requireLikeAnswers } from './answer-likeness.js'
import { type BenchRun, meanOf, oversellPrefix, oversellUnits } from './bench-run.js'
import { checkInvariants } from './invariants.js'
import type { LoadResult, LoadSpec } from './load/load-spec.js'
import { watchCpu } from './process-cpu.js'
import { perThousand, type Sample, sampleOf } from './sample.js'
import { Product } from './servers/product.js'
import { setStock } from './servers/target.js'
import type { Workload } from './workloads.js'

const skuPrefix = 'sku'

/**
 * Measures a workload on a product of its own, between two `bare`, then lets MySQL catch up and
 * compares everything. A worker that is paused stays so until the second `bare` has run.
 *
 * @throws InvariantError
 */
export async function measureProduct(run: BenchRun, workload: Workload): Promise<Sample> {
  const { servers, cleanup, options } = run
  const product = await Product.start({ servers, cleanup, fsync: workload.fsync })
  try {
    await setStock(product.url, skuPrefix, workload.skus, workload.unitsPerSku)
    await setStock(product.url, likenessPrefix, 1, 1)
    await requireLikeAnswers(product.url, run.bare.urls[0] as string)
    const oversell = await run.checkOversell(product.urls, (prefix, units) =>
      setStock(product.url, prefix, 1, units),
    )
    const spec = specOf(product, workload, options.connections)
    const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
    await product.drain()
    if (workload.worker === 'paused') product.pauseWorkers()

    const before = await run.measureBare(spec.connections)
    const readPersistence = watchCpu({
      worker: product.pids.worker ?? [],
      mariadb: product.pids.mariadb ?? [],
    })
    const { result, cpuMs } = await run.measure(product, { ...spec, seconds: options.seconds })
    const lagEntries = await product.entriesBehind()
    let drainMs = workload.worker === 'running' ? await product.drain() : 0
    const persistence = readPersistence()
    const after = await run.measureBare(spec.connections)
    if (workload.worker === 'paused') {
      product.resumeWorkers()
      drainMs = await product.drain()
    }
    await check(product, workload, spec, [warmUp, result], oversell.accepted)

    const sample = sampleOf(result, cpuMs, meanOf(before, after))
    return {
      ...sample,
      // The writer's work for these requests includes what it did after the load had ended.
      cpuMs: { ...sample.cpuMs, ...perThousand(persistence, result.responses) },
      lagEntries,
      drainMs,
      oversell: { units: oversell.units, accepted: oversell.accepted, untaken: 0 },
    }
  } finally {
    await product.stop()
  }
}

function specOf(product: Product, workload: Workload, connections: number): LoadSpec {
  const { shape, skus, lines } = workload
  return {
    urls: product.urls,
    connections: connections * workload.connectionsFactor,
    shape,
    skuPrefix,
    skus,
    lines,
    ttlSeconds: 900,
  }
}

async function check(
  product: Product,
  workload: Workload,
  spec: LoadSpec,
  results: readonly LoadResult[],
  oversellAccepted: number,
): Promise<void> {
  const holds = results.reduce((sum, { byStatus }) => sum + (byStatus[201] ?? 0), 0)
  await checkInvariants({
    redisUrl: product.redis.url,
    databaseUrl: product.databaseUrl,
    unitsByPrefix: {
      [skuPrefix]: workload.unitsPerSku,
      [oversellPrefix]: oversellUnits,
      [likenessPrefix]: 1,
    },
    acceptedHolds: holds + oversellAccepted + 1,
    unansweredMax: spec.connections * results.length,
  })
}
