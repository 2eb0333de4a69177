import { type BenchRun, bareSpec } from '../bench-run.js'
import type { LoadSpec } from '../load/load-spec.js'
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
  try {
    for (const env of [{ HOLDFAST_CONFIRM_WAIT_MS: '0' }, {}]) {
      const product = await Product.start({ servers, cleanup, env })
      products.push(product)
      await setStock(product.url, 'sku', 1, units)
      await run.load.run({ ...specOf(product, options.connections), seconds: run.warmUpSeconds })
    }
    const passes: { withoutMs: number; withMs: number }[] = []
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`payments with and without waiting for MySQL, pass ${pass} of ${options.passes}`)
      const [withoutMs, withMs] = (await mapInTurn(products, async (product) => {
        const { result } = await run.measure(product, {
          ...specOf(product, options.connections),
          seconds: options.seconds,
        })
        if (result.broken > 0) throw new Error(`${result.broken} checkouts broke`)
        await product.drain()
        return result.finished.p50 ?? Number.NaN
      })) as [number, number]
      passes.push({ withoutMs, withMs })
    }
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
