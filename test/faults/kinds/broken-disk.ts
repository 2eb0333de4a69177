import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, thisMachine } from '../../../src/embedded/machine.js'
import { eventually } from '../../support/test-store.js'
import { Child } from '../stage/child.js'
import { provideTool } from '../stage/tools.js'
import { anyOf, type Fault, type FaultKind, type Infliction, inTurn, type Scene } from './fault-kind.js'
import { findPutOff, findUnserved } from './unserved-calls.js'

const slowed = 'slow'
const injections: Readonly<Record<string, string>> = {
  'failing to flush': 'fdatasync:error=EIO',
  'failing to write': 'write:error=ENOSPC',
}

/** Redis' disk slow, and failing: strace answers its system calls in place of the kernel. */
export const brokenDisk: FaultKind = {
  number: 7,
  name: 'broken-disk',
  about:
    "Redis' disk slow (fsync delayed) and failing (errors injected with strace); all goes on while it is slow",
  ways: [slowed, ...Object.keys(injections)],
  missing: async () => ((await strace()) ? undefined : 'strace is not there and cannot be installed'),
  draw: (random, { turn }) => {
    const faults = Array.from({ length: random.whole(1, 2) }, (_, i) => {
      const way = i === 0 ? inTurn(brokenDisk.ways, turn) : anyOf(random, brokenDisk.ways)
      const atMs = 300 + i * 2500 + random.whole(0, 500)
      const injection = injections[way]
      return injection
        ? failing(atMs, way, injection)
        : slow(atMs, way, random.whole(5, 60), random.whole(1000, 2000))
    })
    return { faults: oneAtATime(faults) }
  },
  judge: ({ history, inflictions }) => [
    ...findPutOff(history.events, ['store-fenced', 'redis-unavailable', 'overloaded']),
    ...slowAlone(inflictions).flatMap((window) =>
      findUnserved(history.events, 'while the disk is slow all calls', window),
    ),
  ],
}

/** Only one strace can be attached to a process: on a busy machine one fault may take until the next is due. */
function oneAtATime(faults: readonly Fault[]): Fault[] {
  let last: Promise<unknown> = Promise.resolve()
  return faults.map((fault) => ({
    ...fault,
    inflict: (scene) => {
      const turn = last.then(() => fault.inflict(scene))
      last = turn.catch(() => {})
      return turn
    },
  }))
}

/** When the disk was slow before it ever failed: after that, a Redis may still be fenced. */
function slowAlone(inflictions: readonly Infliction[]): Infliction[] {
  const failedMs = inflictions.filter(({ way }) => way !== slowed).map(({ fromMs }) => fromMs)
  return inflictions
    .filter(({ way, fromMs }) => way === slowed && failedMs.every((ms) => ms > fromMs))
    .map((infliction) => ({ ...infliction, toMs: Math.min(infliction.toMs, ...failedMs) }))
}

function strace(): Promise<string | undefined> {
  return provideTool('strace', () => findProgram(thisMachine(), ['strace']))
}

function slow(atMs: number, way: string, fsyncMs: number, ms: number): Fault {
  return {
    atMs,
    what: `each fsync of Redis takes ${fsyncMs} ms more, for ${ms} ms`,
    way,
    inflict: async (scene) => {
      const tracer = await trace(scene, `fdatasync:delay_enter=${fsyncMs * 1000}`)
      const { admin } = scene.stage.redis
      // A write is answered when it is on the disk.
      const began = performance.now()
      await admin.set('slow-disk', '')
      const tookMs = performance.now() - began
      await admin.del('slow-disk')
      await delay(ms)
      await tracer.stop()
      return tookMs >= fsyncMs
    },
  }
}

/** With `appendfsync always` Redis ends when it cannot write: what it has not written it must not answer. */
function failing(atMs: number, way: string, injection: string): Fault {
  return {
    atMs,
    what: `Redis' append-only file answers ${injection}; Redis is started again`,
    way,
    inflict: async (scene) => {
      const { redis } = scene.stage
      const tracer = await trace(scene, injection)
      const ended = await Promise.race([redis.exited, delay(5000, undefined)])
      await tracer.stop()
      scene.observe(ended ? `Redis ended with ${ended}` : 'Redis went on without its disk')
      if (!ended) await redis.kill()
      await redis.restart()
      return ended !== undefined
    },
  }
}

/** Resolves when Redis' calls on its append-only file are being answered as the injection says. */
async function trace({ stage }: Scene, injection: string): Promise<Child> {
  const { redis, folder } = stage
  const [call] = injection.split(':')
  const tracer = Child.start({
    command: (await strace()) as string,
    args: [
      ...['-f', '-p', String(redis.pid), '-e', `trace=${call}`, '-e', `inject=${injection}`],
      ...['-P', await redis.appendOnlyFile(), '-o', '/dev/null'],
    ],
    env: { PATH: process.env.PATH },
    logFile: `${folder}/strace.log`,
  })
  // It ends as soon as Redis does, which may be at the first call that fails.
  const isAttached = () => /attached/.test(tracer.log)
  await eventually(() => isAttached() || tracer.hasEnded, 'strace is attached')
  if (!isAttached()) throw new Error(`strace ended: ${tracer.log}`)
  return tracer
}
