import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRun, bareSpec } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { loadHolds } from './hold-loader.js'
import { RedisFacts } from './redis-facts.js'
import type { ScaleFigures } from './scale-figures.js'

const units = 1_000_000_000
/** Within this the holds are loaded before the first of them is due. */
const loadSecondsMax = 45
/** How long holds are asked for while the others expire. */
const meanwhileSeconds = 4
const pollMs = 10
const giveUpMs = 60_000

/**
 * Has many holds fall due within one second, and looks how late the last of them is given back, and
 * how many further holds are accepted meanwhile.
 */
export async function measureDueAtOnce(run: BenchRun, count: number): Promise<ScaleFigures> {
  const { servers, cleanup, options, say } = run
  const product = await Product.start({ servers, cleanup })
  const facts = new RedisFacts(product.redis.url)
  try {
    await setStock(product.url, 'sku', 1, units)
    const spec = { ...bareSpec(product), connections: options.connections, ttlSeconds: 3600 }
    const warmUp = await run.load.run({ ...spec, seconds: run.warmUpSeconds })
    const before = await run.load.run({ ...spec, seconds: meanwhileSeconds })
    await product.drain()

    const dueSeconds = Math.ceil(Date.now() / 1000) + (options.smoke ? 3 : loadSecondsMax)
    say(`loading ${count} holds that are due in the same second`)
    // A hold is due a whole number of seconds after it is made: so in the second after dueSeconds.
    await loadHolds(product, count, (nowMs) => Math.max(1, dueSeconds - Math.floor(nowMs / 1000)))
    if (Date.now() > dueSeconds * 1000) throw new Error('the holds could not be loaded in time')
    await product.drain()
    await delay(dueSeconds * 1000 - Date.now())
    const [latestMs, meanwhile] = await Promise.all([
      watchLateness(facts, (dueSeconds + 1) * 1000),
      run.load.run({ ...spec, seconds: meanwhileSeconds }),
    ])
    await product.drain()
    await checkInvariants({
      redisUrl: product.redis.url,
      databaseUrl: product.databaseUrl,
      unitsByPrefix: { sku: units },
      acceptedHolds: count + warmUp.accepted.count + before.accepted.count + meanwhile.accepted.count,
      unansweredMax: 3 * spec.connections,
    })
    return {
      due: {
        holds: count,
        latestMs,
        holdsPerSecondBefore: before.accepted.count / before.seconds,
        holdsPerSecondMeanwhile: meanwhile.accepted.count / meanwhile.seconds,
      },
    }
  } finally {
    facts.close()
    await product.stop()
  }
}

/** The most by which a hold was late, once none of those due until then is left. */
async function watchLateness(facts: RedisFacts, untilMs: number): Promise<number> {
  let latestMs = 0
  for (;;) {
    const { count, firstMs } = await facts.due(untilMs)
    const now = Date.now()
    if (count === 0 && now > untilMs) return latestMs
    if (firstMs !== undefined && count > 0) latestMs = Math.max(latestMs, now - firstMs)
    if (now > untilMs + giveUpMs)
      throw new Error(`${count} holds are still not expired after ${giveUpMs / 1000} s`)
    await delay(pollMs)
  }
}
