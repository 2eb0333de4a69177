import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import type { Product } from '../servers/product.js'

/** The rate of holds on a product that nobody has asked for any, absolute and over `bare`. */
export async function measureHoldRate(
  run: BenchRun,
  product: Product,
  shelf: { skus: number; units: number },
): Promise<{ holdsPerSecond: number; ofBare: number }> {
  const spec = { ...bareSpec(product), connections: run.options.connections, skus: shelf.skus }
  const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
  await product.drain()
  const { found, bare } = await run.besideBare(spec.connections, async () => {
    const result = await run.load.run({ ...spec, seconds: run.options.seconds })
    await product.drain()
    return result
  })
  await checkInvariants({
    redisUrl: product.redis.url,
    databaseUrl: product.databaseUrl,
    shelves: { sku: shelf },
    loads: [warmUp, found],
  })
  const holdsPerSecond = found.acceptedPerSecond
  return { holdsPerSecond, ofBare: holdsPerSecond / bare.requestsPerSecond }
}
