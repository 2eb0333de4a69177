import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import { codeOf } from '../checker/unavailable.js'
import { nowMs } from '../history.js'
import type { RedisHost } from '../stage/redis-host.js'
import { anyOf, type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

/** Why a hold is put off when Redis has no memory: what the guard saw, and what Redis itself said. */
const outOfMemory = ['holds-paused', 'memory-full']

const unseen = 'memory full, and no guard that looks'
const flushed = 'scripts flushed'

const ways: Readonly<Record<string, (atMs: number, way: string, ms: number) => Fault>> = {
  'memory full, as the guard sees': fillMemory,
  [unseen]: fillMemory,
  [flushed]: (atMs, way, ms) => repeat(atMs, way, ms, 'SCRIPT FLUSH', flushScripts),
  "BullMQ's keys deleted": (atMs, way, ms) => repeat(atMs, way, ms, "delete BullMQ's keys", deleteJobs),
}

/** Redis without room, without scripts, without BullMQ's keys. */
export const fullRedis: FaultKind = {
  number: 8,
  name: 'full-redis',
  about: "memory full, and only new holds wait; scripts flushed in a loop; BullMQ's keys deleted",
  ways: Object.keys(ways),
  draw: (random, { turn }) => {
    const main = inTurn(fullRedis.ways, turn)
    // A guard is there for the whole round or not at all.
    const others = fullRedis.ways.filter((way) => (way === unseen) === (main === unseen) || way === flushed)
    const faults = Array.from({ length: random.whole(1, 3) }, (_, i) => {
      const way = i === 0 ? main : anyOf(random, others)
      return ways[way]?.(300 + i * 800 + random.whole(0, 400), way, drawMs(random)) as Fault
    })
    const env: Record<string, string> = main === unseen ? { HOLDFAST_MEMORY_PERCENT_MAX: '0' } : {}
    return { settings: { env }, faults }
  },
  judge: ({ history, inflictions }) => {
    const full = inflictions.filter(({ way }) => ways[way] === fillMemory)
    // One that was under way when the memory ended met it, too.
    const isExcused = (startMs: number, endMs: number) =>
      full.some(({ fromMs, toMs }) => endMs >= fromMs && startMs <= toMs + resumeMs)
    const promised = history.events.filter(
      ({ call, reply, startMs, endMs = startMs }) =>
        !(
          call.verb === 'reserve' &&
          reply &&
          outOfMemory.includes(codeOf(reply) ?? '') &&
          isExcused(startMs, endMs)
        ),
    )
    return findUnserved(promised, 'without memory payments, cancellations and reads')
  },
}

/** The guard looks every quarter of a second, and a busy machine may be late. */
const resumeMs = 2000

function drawMs(random: SeededRandom): number {
  return random.whole(500, 2000)
}

function fillMemory(atMs: number, way: string, ms: number): Fault {
  return {
    atMs,
    what: `no memory for anything more in Redis for ${ms} ms${way === unseen ? ', and nobody looks at it' : ''}`,
    way,
    inflict: async ({ stage, history, observe }) => {
      const sinceMs = nowMs()
      const giveBack = await takeMemory(stage.redis)
      await delay(ms)
      await giveBack()
      const codes = history.events.flatMap(({ startMs, reply }) =>
        reply?.status === 503 && startMs >= sinceMs ? [codeOf(reply) ?? ''] : [],
      )
      for (const code of outOfMemory) observe(code, codes.filter((each) => each === code).length)
      return codes.includes(way === unseen ? 'memory-full' : 'holds-paused')
    },
  }
}

/** The servers without memory: what they had, and how many faults keep it from them. */
const taken = new Map<RedisHost, { maxmemory: Promise<string>; faults: number }>()

/** Two faults may overlap: what the server had comes back with the last. @returns what gives it back. */
async function takeMemory(redis: RedisHost): Promise<() => Promise<void>> {
  const { admin } = redis
  const read = async () => ((await admin.config('GET', 'maxmemory')) as string[])[1] ?? '0'
  const had = taken.get(redis) ?? { maxmemory: read(), faults: 0 }
  taken.set(redis, had)
  had.faults++
  await had.maxmemory
  // Below what is used: the server is full at once, whatever is freed meanwhile.
  await admin.config('SET', 'maxmemory', '1')
  return async () => {
    if (--had.faults > 0) return
    taken.delete(redis)
    await admin.config('SET', 'maxmemory', await had.maxmemory)
  }
}

/** @param act @returns whether there was anything to act on. */
function repeat(
  atMs: number,
  way: string,
  ms: number,
  what: string,
  act: (scene: Scene) => Promise<boolean>,
): Fault {
  return {
    atMs,
    what: `${what}, again and again for ${ms} ms`,
    way,
    inflict: async (scene) => {
      const until = performance.now() + ms
      let times = 0
      while (performance.now() < until) {
        if (await act(scene)) times++
        await delay(3)
      }
      // Once is no more than a start: it came back, and was taken again.
      return times > 1
    },
  }
}

async function flushScripts({ stage }: Scene): Promise<boolean> {
  const { admin } = stage.redis
  const cached = /^number_of_cached_scripts:(\d+)/m.exec(await admin.info('memory'))?.[1]
  await admin.script('FLUSH')
  return Number(cached) > 0
}

async function deleteJobs({ stage }: Scene): Promise<boolean> {
  const keys = await stage.redis.admin.keys(`${stage.keys.jobs.replace(/[{}]/g, '\\$&')}*`)
  if (keys.length > 0) await stage.redis.admin.del(...keys)
  return keys.length > 0
}
