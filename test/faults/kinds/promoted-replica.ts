import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import { eventually } from '../../support/test-store.js'
import { nowMs } from '../history.js'
import type { ProductPart } from '../stage/product-part.js'
import { RedisHost } from '../stage/redis-host.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { beginLoss, beginTurn } from './lost-disk.js'
import { findPutOff } from './unserved-calls.js'

/** How a promotion goes; what is not drawn by turns is left to chance. */
interface Promotion {
  /** Whether the old Redis goes on selling for a while that the replica hears nothing of. */
  lags: boolean
  workersStay: boolean
  /** Whether only the first connection of the first API stays, and the others (its subscription) leave. */
  commandsStay: boolean
}

const promotions: Readonly<Record<string, Promotion>> = {
  'promoted in step': { lags: false, workersStay: false, commandsStay: false },
  'promoted while it lags': { lags: true, workersStay: false, commandsStay: false },
  'promoted in step, half an API stays behind': { lags: false, workersStay: false, commandsStay: true },
  'promoted while it lags, half an API stays behind': { lags: true, workersStay: false, commandsStay: true },
  'promoted in step, a worker stays behind': { lags: false, workersStay: true, commandsStay: false },
  'promoted while it lags, a worker and half an API stay behind': {
    lags: true,
    workersStay: true,
    commandsStay: true,
  },
}
const turnedBack = 'a primary turns back'

/**
 * A replica promoted in the place of a Redis that still answers: for a while two servers hold the
 * store, and each has clients. Or one server that is two, one after the other.
 */
export const promotedReplica: FaultKind = {
  number: 4,
  name: 'promoted-replica',
  about:
    'a replica promoted in its place while the old Redis still answers; a primary made a replica for a moment, in the same process',
  // Its turn comes as often as that of all promotions of one cut.
  ways: [...Object.keys(promotions).slice(0, 3), turnedBack, ...Object.keys(promotions).slice(3)],
  draw: (random, { turn }) => {
    const way = inTurn(promotedReplica.ways, turn)
    const atMs = random.whole(600, 1500)
    const lagMs = random.whole(20, 400)
    const promotion = promotions[way]
    const fault = promotion
      ? promote(way, {
          ...promotion,
          atMs,
          lagMs: promotion.lags ? lagMs : 0,
          splitMs: drawSplitMs(random, promotion),
        })
      : turnBack(atMs, way, lagMs)
    return { settings: { workers: 2 }, faults: [fault] }
  },
  judge: ({ history }) => findPutOff(history.events, ['store-fenced', 'redis-unavailable', 'overloaded']),
}

/**
 * Half an instance believes two servers: long enough for the new one to be opened, and to get past what
 * the old one promised.
 */
function drawSplitMs(random: SeededRandom, { commandsStay }: Promotion): number {
  return commandsStay ? random.whole(1500, 2500) : random.whole(100, 1600)
}

function promote(
  way: string,
  o: { atMs: number; lagMs: number; splitMs: number; workersStay: boolean; commandsStay: boolean },
): Fault {
  const { atMs, lagMs, splitMs, workersStay, commandsStay } = o
  const staysWithFirst = commandsStay ? "the first API's commands" : 'the first API'
  return {
    atMs,
    what: `promote a replica that lags ${lagMs} ms; ${staysWithFirst} and ${workersStay ? 'a' : 'no'} worker stay with the old Redis for ${splitMs} ms`,
    way,
    inflict: async (scene) => {
      const { stage } = scene
      const old = stage.redis
      const replica = await startReplica(scene)
      const end = await beginLoss(scene)
      // The replica hears nothing more; the old one goes on.
      await replica.admin.replicaof('NO', 'ONE')
      await delay(lagMs)
      const [first, ...rest] = stage.parts as [ProductPart, ...ProductPart[]]
      const staying = workersStay ? [first, stage.workers[0] as ProductPart] : [first]
      moveTo(
        replica,
        rest.filter((part) => !staying.includes(part)),
      )
      if (commandsStay) moveTo(replica, [first], 1)
      const before = await old.admin.hget(stage.keys.position, 'sequence')
      await delay(splitMs)
      const after = await old.admin.hget(stage.keys.position, 'sequence')
      await observeOld(scene, old)
      moveTo(replica, staying)
      stage.replaceRedis(replica)
      end()
      // Somebody has bought on the old one, which nobody should believe.
      return after !== before
    },
  }
}

/**
 * The primary takes the data of a server that parted from it some time ago, and is promoted again: the
 * same process with the same run id has another history, behind what it had answered.
 */
function turnBack(atMs: number, way: string, lagMs: number): Fault {
  return {
    atMs,
    what: `make Redis a replica of one that parted from it ${lagMs} ms ago, and promote it again`,
    way,
    inflict: async (scene) => {
      const { redis, database, store } = scene.stage
      const epoch = async () => (await database.store.findUniqueOrThrow({ where: { name: store } })).epoch
      const other = await startReplica(scene)
      const { password } = new URL(redis.url)
      await redis.admin.config('SET', 'masterauth', password)
      await other.admin.replicaof('NO', 'ONE')
      await delay(lagMs)
      const before = await epoch()
      const end = await beginLoss(scene)
      await redis.admin.replicaof('127.0.0.1', other.port)
      await redis.isInSync()
      const endTurn = beginTurn(scene)
      await redis.admin.replicaof('NO', 'ONE')
      const turnedMs = nowMs()
      await eventually(
        async () => (await epoch()) > before,
        'it is noticed that Redis turned back',
        noticeMsMax,
      )
      endTurn()
      end()
      scene.observe('ms until it was noticed', Math.round(nowMs() - turnedMs))
      await other.stop()
      return true
    },
  }
}

/** Every process looks once a second; a busy machine may be late. A finding otherwise. */
const noticeMsMax = 10_000

async function startReplica({ stage }: Scene): Promise<RedisHost> {
  await stage.redis.admin.config('SET', 'repl-diskless-sync-delay', '0')
  const replica = await RedisHost.startReplica(`${stage.folder}/replica`, stage.redis)
  await replica.isInSync()
  return replica
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
