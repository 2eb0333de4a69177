import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import type { LoadResult, LoadSpec } from '../load/load-spec.js'
import { Product } from '../servers/product.js'
import type { RedisFacts } from '../servers/redis-facts.js'
import { setStock } from '../servers/target.js'
import { loadHolds } from './hold-loader.js'
import type { DuePass, ScaleFigures } from './scale-figures.js'

const units = 1_000_000_000
/** Within this the holds are loaded and persisted before the first of them is due. */
const loadSecondsMax = 25
const beforeSeconds = 3
/** How long holds are asked for while the others expire: longer than that is to take. */
const meanwhileSeconds = 6
const pollMs = 10
const giveUpMs = 60_000

/**
 * Has many holds fall due within one second, and looks how late the last of them is given back, and
 * how many further holds are accepted until then.
 */
export async function measureDueAtOnce(run: BenchRun, count: number): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const product = await Product.start({ servers, cleanup })
  try {
    await setStock(product.url, 'sku', 1, units)
    const spec = { ...bareSpec(product), connections: options.connections, ttlSeconds: 3600 }
    const loads = [await run.load.run({ ...spec, seconds: run.warmUpSeconds })]
    await product.drain()
    const passes: DuePass[] = []
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`pass ${pass} of ${options.passes}: ${count} holds that are due in the same second`)
      passes.push(await measurePass(run, product, spec, count, loads))
    }
    await checkInvariants({
      redisUrl: product.redis.url,
      databaseUrl: product.databaseUrl,
      shelves: { sku: { skus: 1, units } },
      loads,
      otherHolds: passes.length * count,
    })
    return { due: { holds: count, passes } }
  } finally {
    await product.stop()
  }
}

/** @param loads gets what was sent. */
async function measurePass(
  run: BenchRun,
  product: Product,
  spec: LoadSpec,
  count: number,
  loads: LoadResult[],
): Promise<DuePass> {
  const { facts } = product
  const bareBefore = await run.measureBare(spec.connections)
  const before = await run.load.run({ ...spec, seconds: beforeSeconds })
  await product.drain()

  const dueSeconds = Math.ceil(Date.now() / 1000) + (run.options.smoke ? 3 : loadSecondsMax)
  // A hold is due a whole number of seconds after it is made: so in the second after dueSeconds.
  await loadHolds(product, count, (nowMs) => Math.max(1, dueSeconds - Math.floor(nowMs / 1000)))
  await product.drain()
  if (Date.now() > dueSeconds * 1000) throw new Error('the holds could not be loaded in time')
  const openBefore = await facts.openHolds()
  await delay(dueSeconds * 1000 - Date.now())
  const [{ latestMs, endedMs, open }, meanwhile] = await Promise.all([
    watchExpiry(facts, (dueSeconds + 1) * 1000),
    run.load.run({ ...spec, seconds: meanwhileSeconds }),
  ])
  await product.drain()
  const bareAfter = await run.measureBare(spec.connections)
  loads.push(before, meanwhile)
  const made = open - openBefore + count
  const rate = made / (endedMs / 1000 - dueSeconds)
  return {
    latestMs,
    before: before.acceptedPerSecond,
    meanwhile: rate,
    beforeOfBare: before.acceptedPerSecond / bareBefore.requestsPerSecond,
    meanwhileOfBare: rate / bareAfter.requestsPerSecond,
  }
}

/** The most by which a hold was late, and how many others are open, once none due until then is left. */
async function watchExpiry(facts: RedisFacts, untilMs: number) {
  let latestMs = 0
  for (;;) {
    const { count, firstMs } = await facts.due(untilMs)
    const now = Date.now()
    if (count === 0 && now > untilMs) return { latestMs, endedMs: now, open: await facts.openHolds() }
    if (firstMs !== undefined && count > 0) latestMs = Math.max(latestMs, now - firstMs)
    if (now > untilMs + giveUpMs)
      throw new Error(`${count} holds are still not expired after ${giveUpMs / 1000} s`)
    await delay(pollMs)
  }
}
