import { likenessPrefix, requireLikeAnswers } from './answer-likeness.js'
import { type BenchRun, oversellPrefix, oversellUnits } from './bench-run.js'
import { checkInvariants, InvariantError } from './invariants.js'
import { definiteAnswers, type LoadResult, type LoadSpec } from './load/load-spec.js'
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
  const isPaused = workload.worker === 'paused'
  const product = await Product.start({ servers, cleanup, fsync: workload.fsync })
  try {
    await setStock(product.url, skuPrefix, workload.skus, workload.unitsPerSku)
    await setStock(product.url, likenessPrefix, 1, 1)
    await requireLikeAnswers(product.url, run.bare.urls[0] as string)
    const spec = specOf(product, workload, options.connections)
    const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
    const few = await run.checkOversell(product.urls, (prefix, units) =>
      setStock(product.url, prefix, 1, units),
    )
    if (few.accepted !== few.units || few.broken > 0) {
      throw new InvariantError(`${few.accepted} shoppers got ${few.units} units, ${few.broken} no answer`)
    }
    await product.drain()
    if (isPaused) product.pauseWorkers()

    const { found, bare } = await run.besideBare(spec.connections, async () => {
      const { worker, mariadb, ...others } = product.pids
      const readPersistence = watchCpu({ worker, mariadb })
      const measured = await run.measure(
        { urls: product.urls, pids: others },
        { ...spec, seconds: options.seconds },
      )
      const lagEntries = await product.entriesBehind()
      // What a resumed worker needs is no drain: it connects again first.
      const drainMs = isPaused ? undefined : await product.drain()
      // The writer's work for these requests includes what it did after the load had ended.
      return { ...measured, lagEntries, drainMs, persistenceMs: readPersistence() }
    })
    const { result, cpuMs, lagEntries, drainMs, persistenceMs } = found
    if (isPaused) {
      product.resumeWorkers()
      await product.drain()
    }
    requireExpectedAnswers(workload, result)
    await checkInvariants({
      redisUrl: product.redis.url,
      databaseUrl: product.databaseUrl,
      shelves: {
        [skuPrefix]: { skus: workload.skus, units: workload.unitsPerSku },
        [oversellPrefix]: { skus: 1, units: oversellUnits },
        [likenessPrefix]: { skus: 1, units: 1 },
      },
      loads: [warmUp, result],
      otherHolds: few.accepted + 1,
    })

    const sample = sampleOf(result, cpuMs, bare)
    return {
      ...sample,
      cpuMs: { ...sample.cpuMs, ...perThousand(persistenceMs, definiteAnswers(result)) },
      lagEntries,
      ...(drainMs !== undefined && { drainMs }),
      oversell: { ...few, untaken: 0 },
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

/** A figure of other answers than the workload is about would be a figure of something else. */
function requireExpectedAnswers(workload: Workload, { byStatus, broken }: LoadResult): void {
  const isExpected = Object.keys(byStatus).every((status) => workload.answers.includes(Number(status)))
  if (isExpected && broken === 0) return
  throw new InvariantError(
    `${workload.name} got answers by status ${JSON.stringify(byStatus)}, ${broken} broken`,
  )
}
