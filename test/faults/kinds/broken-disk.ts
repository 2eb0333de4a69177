import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, thisMachine } from '../../../src/embedded/machine.js'
import { eventually } from '../../support/test-store.js'
import { Child } from '../stage/child.js'
import { provideTool } from '../stage/tools.js'
import type { Fault, FaultKind, Scene } from './fault-kind.js'

/** Redis' disk slow, and failing: strace answers its system calls in place of the kernel. */
export const brokenDisk: FaultKind = {
  number: 7,
  name: 'broken-disk',
  about: "Redis' disk slow (fsync delayed) and failing (errors injected with strace)",
  missing: async () => ((await strace()) ? undefined : 'strace is not there and cannot be installed'),
  draw: (random) => {
    const faults: Fault[] = []
    for (let i = 0; i < random.whole(1, 2); i++) {
      const atMs = 300 + i * 2500 + random.whole(0, 500)
      if (random.happens(0.5)) faults.push(slow(atMs, random.whole(5, 60), random.whole(1000, 2000)))
      else faults.push(failing(atMs, random.happens(0.5) ? 'fdatasync:error=EIO' : 'write:error=ENOSPC'))
    }
    return { faults }
  },
}

function strace(): Promise<string | undefined> {
  return provideTool('strace', () => findProgram(thisMachine(), ['strace']))
}

function slow(atMs: number, fsyncMs: number, ms: number): Fault {
  return {
    atMs,
    what: `each fsync of Redis takes ${fsyncMs} ms more, for ${ms} ms`,
    inflict: async (scene) => {
      const tracer = await trace(scene, `fdatasync:delay_enter=${fsyncMs * 1000}`)
      await delay(ms)
      await tracer.stop()
    },
  }
}

/** With `appendfsync always` Redis ends when it cannot write: what it has not written it must not answer. */
function failing(atMs: number, injection: string): Fault {
  return {
    atMs,
    what: `Redis' append-only file answers ${injection}; Redis is started again`,
    inflict: async (scene) => {
      const { redis } = scene.stage
      const tracer = await trace(scene, injection)
      const ended = await Promise.race([redis.exited, delay(5000, undefined)])
      await tracer.stop()
      scene.observe(ended ? `Redis ended with ${ended}` : 'Redis went on without its disk')
      if (!ended) await redis.kill()
      await redis.restart()
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
  await eventually(() => /attached/.test(tracer.log) || tracer.hasEnded, 'strace is attached')
  if (tracer.hasEnded) throw new Error(`strace ended: ${tracer.log}`)
  return tracer
}
