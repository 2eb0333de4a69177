import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { cutAppendOnlyFile } from './append-only-file.js'
import type { Fault, FaultKind, Scene } from './fault-kind.js'
import { beginLoss } from './lost-disk.js'

/** Redis that comes back with less than it had: a cut append-only file, none, or FLUSHALL while it runs. */
export const lostRedis: FaultKind = {
  number: 3,
  name: 'lost-redis',
  about: 'Redis restarted with a cut append-only file, with an empty one, FLUSHALL while running',
  draw: (random) => {
    const faults: Fault[] = []
    for (let i = 0; i < random.whole(1, 2); i++) {
      const atMs = 500 + i * 2600 + random.whole(0, 700)
      const way = random.whole(0, 3)
      if (way === 0) faults.push(cut(atMs, random.whole(1, 80), false))
      else if (way === 1) faults.push(cut(atMs, random.whole(1, 80), true))
      else if (way === 2) faults.push(empty(atMs))
      else faults.push(flush(atMs))
    }
    return { faults }
  },
}

function cut(atMs: number, lost: number, insideCommand: boolean): Fault {
  return {
    atMs,
    what: `kill -9 Redis and cut ${lost} commands off its append-only file, ${insideCommand ? 'inside a command' : 'on a boundary'}`,
    inflict: (scene) =>
      loseWhileDown(scene, async (folder) => {
        const gone = await cutAppendOnlyFile(folder, { lost, insideCommand })
        scene.observe('commands cut off', gone)
      }),
  }
}

function empty(atMs: number): Fault {
  return {
    atMs,
    what: 'kill -9 Redis and remove its append-only file',
    inflict: (scene) => loseWhileDown(scene, (folder) => rm(folder, { recursive: true })),
  }
}

function flush(atMs: number): Fault {
  return {
    atMs,
    what: 'FLUSHALL',
    inflict: async (scene) => {
      const end = await beginLoss(scene)
      await scene.stage.redis.admin.flushall()
      end()
    },
  }
}

async function loseWhileDown(scene: Scene, lose: (folder: string) => Promise<void>): Promise<void> {
  const { redis } = scene.stage
  await redis.kill()
  const end = await beginLoss(scene)
  // An entry that the worker had read before may still be on its way into MySQL.
  await delay(100)
  await lose(redis.appendFolder)
  await redis.restart()
  end()
}
