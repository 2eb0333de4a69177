import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import type { LoadResult } from '../load/load-spec.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { loadHolds } from './hold-loader.js'
import type { ScaleFigures, ScaleSizes } from './scale-figures.js'

const units = 1_000_000_000
/** A day: nothing of what is loaded may expire meanwhile. */
const longTtlSeconds = 86_400

/**
 * Loads a million holds with no worker running, has a worker drain them, weighs them, does that again
 * with fewer, and compares the rate of further holds with that of a product that has a thousand.
 */
export async function measureManyOpen(run: BenchRun, sizes: ScaleSizes): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const many = await Product.start({
    servers,
    cleanup,
    workers: 0,
    // Nobody drains the ledger until all are loaded.
    env: { HOLDFAST_LEDGER_LAG_MAX: '0' },
  })
  try {
    await setStock(many.url, 'sku', 1, units)
    const emptyBytes = await many.facts.usedBytes()
    const drains = [await measureDrain(run, many, sizes.many)]
    const bytesPerHold = ((await many.facts.usedBytes()) - emptyBytes) / sizes.many
    for (let pass = 2; pass <= options.passes; pass++) {
      await many.stopWorkers()
      drains.push(await measureDrain(run, many, sizes.more))
    }

    const open = await many.facts.openHolds()
    const growth: { few: number; many: number }[] = []
    const loads: LoadResult[] = []
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`pass ${pass} of ${options.passes}: hold rate from ${sizes.few} and from ${open} open`)
      const few = await measureFew(run, sizes.few)
      growth.push({ few, many: await measureRate(run, many, loads) })
    }
    await check(many, loads, open)
    return {
      drain: { passes: drains },
      memory: { holds: sizes.many, bytesPerHold },
      growth: { few: sizes.few, many: open, passes: growth },
    }
  } finally {
    await many.stop()
  }
}

/** The rate at which a new worker drains what was loaded while there was none. */
async function measureDrain(run: BenchRun, product: Product, holds: number) {
  const { say, options } = run
  say(`loading ${holds} holds`)
  await loadHolds(product, holds, () => longTtlSeconds)
  const waiting = await product.entriesBehind()
  say(`draining ${waiting} entries`)
  const { found, bare } = await run.besideBare(options.connections, async () => {
    product.startWorker()
    let entries = waiting
    // The start of a worker is not its rate: from the first progress on.
    await product.waitUntil('the worker drains', async () => {
      entries = await product.entriesBehind()
      return entries < waiting
    })
    const seconds = (await product.drain()) / 1000
    return { entries, seconds, entriesPerSecond: entries / seconds }
  })
  return { ...found, bare: bare.requestsPerSecond }
}

/** A new product each time, because every measurement leaves open holds behind. */
async function measureFew(run: BenchRun, open: number): Promise<number> {
  const product = await Product.start({ servers: run.servers, cleanup: run.cleanup })
  try {
    await setStock(product.url, 'sku', 1, units)
    await loadHolds(product, open, () => longTtlSeconds)
    const loads: LoadResult[] = []
    const ofBare = await measureRate(run, product, loads)
    await check(product, loads, open)
    return ofBare
  } finally {
    await product.stop()
  }
}

/**
 * The rate of holds over `bare`, once those of the warm-up have expired.
 *
 * @param loads gets what was sent.
 */
async function measureRate(run: BenchRun, product: Product, loads: LoadResult[]): Promise<number> {
  const { options, warmUpSeconds } = run
  const spec = { ...bareSpec(product), connections: options.connections }
  const open = await product.facts.openHolds()
  loads.push(await run.load.run({ ...spec, seconds: warmUpSeconds, ttlSeconds: 1 }))
  await product.waitUntil('the holds of the warm-up expire', async () => {
    return (await product.facts.openHolds()) <= open
  })
  await product.drain()
  const { found, bare } = await run.besideBare(spec.connections, async () => {
    const result = await run.load.run({ ...spec, seconds: options.seconds })
    await product.drain()
    return result
  })
  loads.push(found)
  return found.acceptedPerSecond / bare.requestsPerSecond
}

function check(product: Product, loads: readonly LoadResult[], otherHolds: number): Promise<void> {
  return checkInvariants({
    redisUrl: product.redis.url,
    databaseUrl: product.databaseUrl,
    shelves: { sku: { skus: 1, units } },
    loads,
    otherHolds,
  })
}
