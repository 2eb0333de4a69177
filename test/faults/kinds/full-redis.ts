import { setTimeout as delay } from 'node:timers/promises'
import type { Fault, FaultKind, Scene } from './fault-kind.js'

/** Redis without room, without scripts, without BullMQ's keys. */
export const fullRedis: FaultKind = {
  number: 8,
  name: 'full-redis',
  about: "memory full; scripts flushed in a loop; BullMQ's keys deleted",
  draw: (random) => {
    const faults: Fault[] = []
    for (let i = 0; i < random.whole(1, 3); i++) {
      const atMs = 300 + i * 800 + random.whole(0, 400)
      const ms = random.whole(500, 2000)
      const way = random.whole(0, 2)
      if (way === 0) faults.push(fillMemory(atMs, ms))
      else if (way === 1)
        faults.push(repeat(atMs, ms, 'SCRIPT FLUSH', ({ stage }) => stage.redis.admin.script('FLUSH')))
      else faults.push(repeat(atMs, ms, "delete BullMQ's keys", deleteJobs))
    }
    return { faults }
  },
}

function fillMemory(atMs: number, ms: number): Fault {
  return {
    atMs,
    what: `no memory for anything more in Redis for ${ms} ms`,
    inflict: async ({ stage }) => {
      const { admin } = stage.redis
      const [, before = '0'] = (await admin.config('GET', 'maxmemory')) as string[]
      // Below what is used: the server is full at once, whatever is freed meanwhile.
      await admin.config('SET', 'maxmemory', '1')
      await delay(ms)
      await admin.config('SET', 'maxmemory', before)
    },
  }
}

function repeat(atMs: number, ms: number, what: string, act: (scene: Scene) => Promise<unknown>): Fault {
  return {
    atMs,
    what: `${what}, again and again for ${ms} ms`,
    inflict: async (scene) => {
      const until = performance.now() + ms
      while (performance.now() < until) {
        await act(scene)
        await delay(3)
      }
    },
  }
}

async function deleteJobs({ stage }: Scene): Promise<void> {
  const keys = await stage.redis.admin.keys(`${stage.keys.jobs.replace(/[{}]/g, '\\$&')}*`)
  if (keys.length > 0) await stage.redis.admin.del(...keys)
}
