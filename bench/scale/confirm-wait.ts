import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import type { LoadResult, LoadSpec } from '../load/load-spec.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import type { ScaleFigures } from './scale-figures.js'

const units = 1_000_000_000

/**
 * What a payment waits for MySQL: the same checkouts on two products, one of which answers a confirm
 * at once (202), the other when MySQL holds it (200). They take turns, so that a slow phase of the
 * machine meets both.
 */
export async function measureConfirmWait(run: BenchRun): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const products: Product[] = []
  const loads = new Map<Product, LoadResult[]>()
  try {
    for (const env of [{ HOLDFAST_CONFIRM_WAIT_MS: '0' }, {}]) {
      const product = await Product.start({ servers, cleanup, env })
      products.push(product)
      await setStock(product.url, 'sku', 1, units)
      const spec = { ...specOf(product, options.connections), seconds: run.warmUpSeconds }
      loads.set(product, [await run.load.run(spec)])
    }
    const passes: { withoutMs: number; withMs: number }[] = []
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`payments with and without waiting for MySQL, pass ${pass} of ${options.passes}`)
      const [withoutMs, withMs] = (await mapInTurn(products, async (product) => {
        const spec = { ...specOf(product, options.connections), seconds: options.seconds }
        const result = await run.load.run(spec)
        loads.get(product)?.push(result)
        await product.drain()
        return result.finished.p50 ?? Number.NaN
      })) as [number, number]
      passes.push({ withoutMs, withMs })
    }
    await mapInTurn([...loads], ([product, sent]) =>
      checkInvariants({
        redisUrl: product.redis.url,
        databaseUrl: product.databaseUrl,
        shelves: { sku: { skus: 1, units } },
        loads: sent,
      }),
    )
    return { confirmWait: { connections: options.connections, passes } }
  } finally {
    await mapInTurn(products, (product) => product.stop())
  }
}

function specOf(product: Product, connections: number): LoadSpec {
  return { ...bareSpec(product), shape: 'checkout', releaseEvery: 0, connections }
}

async function mapInTurn<A, B>(all: readonly A[], map: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = []
  for (const item of all) results.push(await map(item))
  return results
}
