import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import type { LoadResult } from '../load/load-spec.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { loadHolds } from './hold-loader.js'
import type { ReconciliationPass, ScaleFigures, ScaleSizes } from './scale-figures.js'

const units = 1_000_000
/** A day: nothing of what is loaded may expire meanwhile. */
const longTtlSeconds = 86_400
/** Beside a load, a comparison is to end within this. */
const loadedSeconds = 60
const loadedSecondsOfSmoke = 2

/**
 * Compares a million open reservations of many SKUs by `holdfast reconcile`, as an administrator does:
 * with nothing else to do, and beside a load that asks for all it can get. Both have to find no drift.
 */
export async function measureReconciliation(run: BenchRun, sizes: ScaleSizes): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const product = await Product.start({ servers, cleanup })
  try {
    say(`setting the stock of ${sizes.skus} SKUs`)
    await setStock(product.url, 'sku', sizes.skus, units)
    say(`loading ${sizes.many} holds`)
    await loadHolds(product, sizes.many, () => longTtlSeconds, sizes.skus)
    await product.drain()
    const loads: LoadResult[] = []
    const passes: ReconciliationPass[] = []
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`pass ${pass} of ${options.passes}: a comparison by itself, and one beside a load`)
      const alone = await reconcile(product)
      say(`by itself: ${alone.seconds.toFixed(1)} s, ${alone.peakMb.toFixed(0)} MB`)
      const beside = await measureBesideLoad(run, product, sizes.skus, loads)
      say(`beside a load: ${beside.underLoad.seconds.toFixed(1)} s, ${beside.underLoad.peakMb.toFixed(0)} MB`)
      passes.push({ alone, ...beside })
    }
    await product.drain()
    await checkInvariants({
      redisUrl: product.redis.url,
      databaseUrl: product.databaseUrl,
      shelves: { sku: { skus: sizes.skus, units } },
      loads,
      otherHolds: sizes.many,
    })
    return { reconciliation: { reservations: sizes.many, skus: sizes.skus, passes } }
  } finally {
    await product.stop()
  }
}

/** @param loads gets what was sent. */
async function measureBesideLoad(run: BenchRun, product: Product, skus: number, loads: LoadResult[]) {
  const { options, load } = run
  const spec = { ...bareSpec(product), connections: options.connections, skus, ttlSeconds: longTtlSeconds }
  const seconds = options.smoke ? loadedSecondsOfSmoke : loadedSeconds
  const [underLoad, sent] = await Promise.all([reconcile(product), load.run({ ...spec, seconds })])
  loads.push(sent)
  await product.drain()
  return { underLoad, loadSeconds: sent.seconds, holdsPerSecond: sent.acceptedPerSecond }
}

/** @throws Error when it finds drift, or cannot compare. */
async function reconcile(product: Product): Promise<{ seconds: number; peakMb: number }> {
  const { status, output, seconds, peakMb } = await product.runCommand('reconcile')
  if (status !== 0) throw new Error(`reconcile ended with ${status}: ${output}`)
  return { seconds, peakMb }
}
