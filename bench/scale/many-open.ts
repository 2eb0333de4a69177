import { setTimeout as delay } from 'node:timers/promises'
import { type BenchRun, bareSpec, meanOf } from '../bench-run.js'
import { checkInvariants } from '../invariants.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { loadHolds } from './hold-loader.js'
import { RedisFacts } from './redis-facts.js'
import type { ScaleFigures, ScaleSizes } from './scale-figures.js'

const units = 1_000_000_000
/** A day: nothing of what is loaded may expire meanwhile. */
const longTtlSeconds = 86_400

/**
 * Loads a million holds with no worker running, has the worker drain them, weighs them, and compares
 * the rate of further holds with that of a product that has a thousand.
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
  const facts = new RedisFacts(many.redis.url)
  try {
    await setStock(many.url, 'sku', 1, units)
    const emptyBytes = await facts.usedBytes()
    say(`loading ${sizes.many} holds`)
    await loadHolds(many, sizes.many, () => longTtlSeconds)
    const behind = () => facts.entriesBehind()
    const waiting = await behind()
    say(`draining ${waiting} entries`)
    many.startWorker()
    const entries = await firstProgress(behind, waiting)
    const seconds = (await many.drain(900_000, behind)) / 1000
    const bytesPerHold = ((await facts.usedBytes()) - emptyBytes) / sizes.many

    const passes: { few: number; many: number }[] = []
    let sent = { accepted: 0, unanswered: 0 }
    await many.drain()
    for (let pass = 1; pass <= options.passes; pass++) {
      say(`pass ${pass} of ${options.passes}: hold rate with ${sizes.few} and with ${sizes.many} open`)
      const few = await measureFew(run, sizes.few)
      const rate = await measureRate(run, many)
      sent = { accepted: sent.accepted + rate.accepted, unanswered: sent.unanswered + rate.unanswered }
      passes.push({ few, many: rate.ofBare })
    }
    await many.drain()
    await checkInvariants({
      redisUrl: many.redis.url,
      databaseUrl: many.databaseUrl,
      unitsByPrefix: { sku: units },
      acceptedHolds: sizes.many + sent.accepted,
      unansweredMax: sent.unanswered,
    })
    return {
      drain: { entries, seconds, entriesPerSecond: entries / seconds },
      memory: { holds: sizes.many, bytesPerHold },
      growth: { few: sizes.few, many: sizes.many, passes },
    }
  } finally {
    facts.close()
    await many.stop()
  }
}

/** How many entries are left when the first are drained: the start of a worker is not its rate. */
async function firstProgress(entriesBehind: () => Promise<number>, waiting: number): Promise<number> {
  for (;;) {
    const left = await entriesBehind()
    if (left < waiting) return left
    await delay(5)
  }
}

/** A new product each time, because every measurement leaves open holds behind. */
async function measureFew(run: BenchRun, open: number): Promise<number> {
  const product = await Product.start({ servers: run.servers, cleanup: run.cleanup })
  try {
    await setStock(product.url, 'sku', 1, units)
    await loadHolds(product, open, () => longTtlSeconds)
    return (await measureRate(run, product, open)).ofBare
  } finally {
    await product.stop()
  }
}

/** @param open how many holds are to be open when the measurement begins; those of the warm-up expire. */
async function measureRate(run: BenchRun, product: Product, open?: number) {
  const { options, warmUpSeconds } = run
  const spec = { ...bareSpec(product), connections: options.connections }
  const warm = { ...spec, seconds: warmUpSeconds, ttlSeconds: 1 }
  const warmUp = await run.load.run(warm)
  if (open !== undefined) await becomesFew(product, open)
  await product.drain()
  const before = await run.measureBare(spec.connections)
  const { result } = await run.measure(product, { ...spec, seconds: options.seconds })
  await product.drain()
  const after = await run.measureBare(spec.connections)
  return {
    ofBare: result.accepted.count / result.seconds / meanOf(before, after).requestsPerSecond,
    accepted: warmUp.accepted.count + result.accepted.count,
    unanswered: 2 * spec.connections,
  }
}

async function becomesFew(product: Product, open: number): Promise<void> {
  const facts = new RedisFacts(product.redis.url)
  try {
    while ((await facts.openHolds()) > open) await delay(50)
  } finally {
    facts.close()
  }
}
