import type { BenchRun } from '../bench-run.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { measureHoldRate } from './hold-rate.js'
import type { ScaleFigures } from './scale-figures.js'

const units = 1_000_000

/** The weight of a SKU in Redis, and the hold rate when every request wants another one. */
export async function measureManySkus(run: BenchRun, skus: number): Promise<ScaleFigures> {
  const { servers, cleanup, say } = run
  const product = await Product.start({ servers, cleanup })
  try {
    const emptyBytes = await product.facts.usedBytes()
    say(`setting the stock of ${skus} SKUs`)
    await setStock(product.url, 'sku', skus, units)
    await product.drain()
    const bytesPerSku = ((await product.facts.usedBytes()) - emptyBytes) / skus
    return { skus: { skus, bytesPerSku, ...(await measureHoldRate(run, product, { skus, units })) } }
  } finally {
    await product.stop()
  }
}
