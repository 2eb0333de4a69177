import { Redis } from 'ioredis'
import { formatRequest } from '#product/domain/reservation.js'
import { runCommand } from '#product/embedded/command-run.js'
import { findProgram, thisMachine } from '#product/embedded/machine.js'
import { readRunId } from '#product/stock/connection.js'
import { storeKeys } from '#product/stock/keys.js'
import { loadScript, scriptKeys } from '#product/stock/scripts.js'
import type { BenchRun } from '../bench-run.js'
import { watchCpu } from '../process-cpu.js'
import type { BareSample } from '../sample.js'
import { Product } from '../servers/product.js'
import { setStock } from '../servers/target.js'
import { skuName } from '../workloads.js'

export interface ScriptLimit {
  name: string
  about: string
  /** EVALSHA on their way at once on each connection. */
  pipelined: number
  connections: number
  /** Holds in one EVALSHA. */
  batch: number
}

/** The reserve script alone, sent by redis-benchmark: what no service in front of it can pass. */
export const scriptLimits: readonly ScriptLimit[] = [
  { name: 'script', about: 'reserve.lua, one hold a call', pipelined: 1, connections: 64, batch: 1 },
  { name: 'script-pipelined', about: 'the same, 16 calls a write', pipelined: 16, connections: 64, batch: 1 },
  {
    name: 'script-batch',
    about: 'the same, 32 holds a call, two calls at once',
    pipelined: 1,
    connections: 2,
    batch: 32,
  },
]

export interface ScriptSample {
  holdsPerSecond: number
  /** Over the requests a second of the two `bare` beside it. */
  ofBare: number
  bare: BareSample
  redisCpuMs: number
}

/** The largest range redis-benchmark draws its numbers from. */
const randomMax = 2 ** 31 - 1
/** Numbers drawn twice are repeats, and repeats are cheaper than holds; this share of them is chance. */
const repeatedShareMax = 0.01

/** Holds that a second of measuring is given: about what the fastest way does. */
const expectedHoldsPerSecond = 20_000

/** @throws Error when redis-benchmark is missing or fails, or the script refuses its arguments. */
export async function measureScript(run: BenchRun, limit: ScriptLimit): Promise<ScriptSample> {
  const program = await findProgram(thisMachine(), ['redis-benchmark', 'valkey-benchmark'])
  if (!program) throw new Error('redis-benchmark is not installed')
  const { servers, cleanup, options } = run
  const product = await Product.start({ servers, cleanup, workers: 0 })
  try {
    await setStock(product.url, 'sku', 1, 1_000_000_000)
    const command = await reserveCommand(product.redis.url, limit.batch)
    const calls = Math.ceil((options.seconds * expectedHoldsPerSecond) / limit.batch)
    const { port, password } = new URL(product.redis.url)
    const flags = ['-p', port, '-a', password, '-n', String(calls), '-c', String(limit.connections), '--csv']
    const random = ['-r', String(randomMax), '-P', String(limit.pipelined)]
    const argv = [program, ...flags, ...random, ...command] as const
    const { found, bare } = await run.besideBare(options.connections, () =>
      runBenchmark(argv, product.redis.pid),
    )
    const made = await product.facts.openHolds()
    if (made < calls * limit.batch * (1 - repeatedShareMax)) {
      throw new Error(`redis-benchmark made ${made} holds of ${calls * limit.batch}`)
    }
    const holdsPerSecond = found.callsPerSecond * limit.batch
    return {
      holdsPerSecond,
      ofBare: holdsPerSecond / bare.requestsPerSecond,
      bare,
      redisCpuMs: (found.redisCpuMs / (calls * limit.batch)) * 1000,
    }
  } finally {
    await product.stop()
  }
}

async function runBenchmark(argv: readonly [string, ...string[]], redisPid: number) {
  const read = watchCpu({ redis: [redisPid] })
  const { status, output } = await runCommand(argv, { timeoutMs: 300_000, endsWithParent: true })
  const { redis = Number.NaN } = read()
  const rate = /","([\d.]+)"/.exec(output)?.[1]
  if (status !== 0 || rate === undefined) throw new Error(`redis-benchmark failed: ${output.slice(-300)}`)
  return { callsPerSecond: Number(rate), redisCpuMs: redis }
}

/** EVALSHA as the gate sends it; redis-benchmark puts a new number in each place of `__rand_int__`. */
async function reserveCommand(redisUrl: string, batch: number): Promise<string[]> {
  const redis = new Redis(redisUrl)
  try {
    const script = loadScript('reserve')
    const sha1 = (await redis.script('LOAD', script.source)) as string
    const all = storeKeys('main')
    const keys = scriptKeys.reserve.map((name) => all[name])
    const request = formatRequest({
      customerId: 'customer-7',
      orderId: undefined,
      ttlSeconds: 900,
      lines: [{ sku: skuName('sku', 0), quantity: 1 }],
    })
    const call = ['id-__rand_int__', 'key-__rand_int__', request]
    const args = [await readRunId(redis), ...Array.from({ length: batch }, () => call).flat()]
    // Tried once as it is, so that a change of the script's arguments is noticed here.
    const tried = args.slice(0, 4)
    const [header, reply] = (await redis.evalsha(sha1, keys.length, ...keys, ...tried)) as string[]
    if (reply !== 'reserved') throw new Error(`reserve.lua answered "${header}", "${reply}"`)
    return ['EVALSHA', sha1, String(keys.length), ...keys, ...args]
  } finally {
    redis.disconnect()
  }
}
