import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import { cutAppendOnlyFile } from './append-only-file.js'
import { anyOf, type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { beginLoss } from './lost-disk.js'
import { findPutOff } from './unserved-calls.js'

const ways: Readonly<Record<string, (random: SeededRandom, atMs: number, way: string) => Fault>> = {
  'cut on a boundary': (random, atMs, way) => cut(atMs, way, random.whole(1, 80), false),
  'cut inside a command': (random, atMs, way) => cut(atMs, way, random.whole(1, 80), true),
  'emptied while down': (_random, atMs, way) => empty(atMs, way),
  'emptied while it runs': (_random, atMs, way) => flush(atMs, way),
}

/** Redis that comes back with less than it had: a cut append-only file, none, or FLUSHALL while it runs. */
export const lostRedis: FaultKind = {
  number: 3,
  name: 'lost-redis',
  about: 'Redis restarted with a cut append-only file, with an empty one, FLUSHALL while running',
  ways: Object.keys(ways),
  draw: (random, { turn }) => {
    const faults = Array.from({ length: random.whole(1, 2) }, (_, i) => {
      const way = i === 0 ? inTurn(lostRedis.ways, turn) : anyOf(random, lostRedis.ways)
      return ways[way]?.(random, 500 + i * 2600 + random.whole(0, 700), way) as Fault
    })
    return { faults }
  },
  judge: ({ history }) => findPutOff(history.events, ['store-fenced', 'redis-unavailable', 'overloaded']),
}

function cut(atMs: number, way: string, lost: number, insideCommand: boolean): Fault {
  return {
    atMs,
    what: `kill -9 Redis and cut ${lost} commands off its append-only file, ${insideCommand ? 'inside a command' : 'on a boundary'}`,
    way,
    inflict: (scene) =>
      loseWhileDown(scene, async (folder) => {
        const gone = await cutAppendOnlyFile(folder, { lost, insideCommand })
        scene.observe('commands cut off', gone)
        return gone > 0
      }),
  }
}

function empty(atMs: number, way: string): Fault {
  return {
    atMs,
    what: 'kill -9 Redis and remove its append-only file',
    way,
    inflict: (scene) =>
      loseWhileDown(scene, async (folder) => {
        await rm(folder, { recursive: true })
        return true
      }),
  }
}

function flush(atMs: number, way: string): Fault {
  return {
    atMs,
    what: 'FLUSHALL',
    way,
    inflict: async (scene) => {
      const { admin } = scene.stage.redis
      const end = await beginLoss(scene)
      const keys = await admin.dbsize()
      await admin.flushall()
      end()
      return keys > 0
    },
  }
}

/** @param lose @returns whether there was anything to lose. */
async function loseWhileDown(scene: Scene, lose: (folder: string) => Promise<boolean>): Promise<boolean> {
  const { redis } = scene.stage
  await redis.kill()
  const end = await beginLoss(scene)
  // An entry that the worker had read before may still be on its way into MySQL.
  await delay(100)
  const isLost = await lose(redis.appendFolder)
  await redis.restart()
  end()
  return isLost
}
