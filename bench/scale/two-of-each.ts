import { type BenchRun, bareSpec, meanOf } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import type { ScaleFigures } from './scale-figures.js'

const units = 1_000_000_000

/** Two API processes and two workers against one Redis: as right as one, if not faster on two cores. */
export async function measureTwoOfEach(run: BenchRun): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const product = await Product.start({ servers, cleanup, apis: 2, workers: 2 })
  try {
    say('two API processes and two workers')
    await setStock(product.url, 'sku', 1, units)
    const spec = { ...bareSpec(product), connections: options.connections }
    const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
    await product.drain()
    const before = await run.measureBare(spec.connections)
    const { result } = await run.measure(product, { ...spec, seconds: options.seconds })
    await product.drain()
    const after = await run.measureBare(spec.connections)
    await checkInvariants({
      redisUrl: product.redis.url,
      databaseUrl: product.databaseUrl,
      unitsByPrefix: { sku: units },
      acceptedHolds: warmUp.accepted.count + result.accepted.count,
      unansweredMax: 2 * spec.connections,
    })
    const holdsPerSecond = result.accepted.count / result.seconds
    return { twoOfEach: { holdsPerSecond, ofBare: holdsPerSecond / meanOf(before, after).requestsPerSecond } }
  } finally {
    await product.stop()
  }
}
