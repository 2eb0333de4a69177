import { setTimeout as delay } from 'node:timers/promises'
import type { ProductPart } from '../stage/product-part.js'
import { RedisHost } from '../stage/redis-host.js'
import type { Fault, FaultKind, Scene } from './fault-kind.js'
import { beginLoss } from './lost-disk.js'

/**
 * A replica promoted in the place of a Redis that still answers: for a while two servers hold the
 * store, and each has clients.
 */
export const promotedReplica: FaultKind = {
  number: 4,
  name: 'promoted-replica',
  about: 'a replica promoted in its place while the old Redis still answers',
  draw: (random) => {
    const promotion = promote({
      atMs: random.whole(600, 1500),
      lagMs: random.happens(0.5) ? random.whole(20, 400) : 0,
      splitMs: random.whole(100, 1600),
      workersStay: random.happens(0.3),
      commandsStay: random.happens(0.4),
    })
    return { settings: { workers: 2 }, faults: [promotion] }
  },
}

function promote(o: {
  atMs: number
  lagMs: number
  splitMs: number
  workersStay: boolean
  /** Whether only the first connection of the first API stays, and the others (its subscription) leave. */
  commandsStay: boolean
}): Fault {
  const { atMs, lagMs, splitMs, workersStay, commandsStay } = o
  const staysWithFirst = commandsStay ? "the first API's commands" : 'the first API'
  return {
    atMs,
    what: `promote a replica that lags ${lagMs} ms; ${staysWithFirst} and ${workersStay ? 'a' : 'no'} worker stay with the old Redis for ${splitMs} ms`,
    inflict: async (scene) => {
      const { stage } = scene
      const old = stage.redis
      await old.admin.config('SET', 'repl-diskless-sync-delay', '0')
      const replica = await RedisHost.startReplica(`${stage.folder}/replica`, old)
      await replica.isInSync()
      const end = await beginLoss(scene)
      if (lagMs > 0) {
        // The replica hears nothing more; the old one goes on.
        await replica.admin.replicaof('NO', 'ONE')
        await delay(lagMs)
      } else await replica.admin.replicaof('NO', 'ONE')
      const [first, ...rest] = stage.parts as [ProductPart, ...ProductPart[]]
      const staying = workersStay ? [first, stage.workers[0] as ProductPart] : [first]
      moveTo(
        replica,
        rest.filter((part) => !staying.includes(part)),
      )
      if (commandsStay) moveTo(replica, [first], 1)
      await delay(splitMs)
      await observeOld(scene, old)
      moveTo(replica, staying)
      stage.replaceRedis(replica)
      end()
    },
  }
}

/** @param spared so many of their oldest connections stay where they are. */
function moveTo({ url }: RedisHost, parts: readonly ProductPart[], spared = 0): void {
  for (const { redisCable } of parts) {
    redisCable.redirect(url)
    redisCable.cut(spared)
  }
}

async function observeOld({ stage, observe }: Scene, old: RedisHost): Promise<void> {
  const superseded = await old.admin.hexists(stage.keys.position, 'superseded')
  observe(
    superseded ? 'the old Redis was fenced before its clients left' : 'the old Redis was not fenced yet',
  )
}
