import type { BenchRun } from '../bench-run.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { measureHoldRate } from './hold-rate.js'
import type { ScaleFigures } from './scale-figures.js'

const shelf = { skus: 1, units: 1_000_000_000 }

/** Two API processes and two workers against one Redis: as right as one, if not faster on two cores. */
export async function measureTwoOfEach(run: BenchRun): Promise<ScaleFigures> {
  const { servers, cleanup, say } = run
  const product = await Product.start({ servers, cleanup, apis: 2, workers: 2 })
  try {
    say('two API processes and two workers')
    await setStock(product.url, 'sku', shelf.skus, shelf.units)
    return { twoOfEach: await measureHoldRate(run, product, shelf) }
  } finally {
    await product.stop()
  }
}
