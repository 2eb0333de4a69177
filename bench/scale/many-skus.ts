import { type BenchRun, bareSpec, meanOf } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { RedisFacts } from './redis-facts.js'
import type { ScaleFigures } from './scale-figures.js'

const units = 1_000_000

/** The weight of a SKU in Redis, and the hold rate when every request wants another one. */
export async function measureManySkus(run: BenchRun, skus: number): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const product = await Product.start({ servers, cleanup })
  const facts = new RedisFacts(product.redis.url)
  try {
    const emptyBytes = await facts.usedBytes()
    say(`setting the stock of ${skus} SKUs`)
    await setStock(product.url, 'sku', skus, units)
    await product.drain()
    const bytesPerSku = ((await facts.usedBytes()) - emptyBytes) / skus
    const spec = { ...bareSpec(product), connections: options.connections, skus }
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
    const ofBare = holdsPerSecond / meanOf(before, after).requestsPerSecond
    return { skus: { skus, bytesPerSku, holdsPerSecond, ofBare } }
  } finally {
    facts.close()
    await product.stop()
  }
}
