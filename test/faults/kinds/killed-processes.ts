import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { Stage } from '../stage/stage.js'
import type { Fault, FaultKind } from './fault-kind.js'

/** Something that can be killed, and started again. */
interface Mortal {
  kill(): Promise<void>
  restart(): Promise<void> | void
}

const victims: Readonly<Record<string, (stage: Stage) => Mortal>> = {
  'the first API': ({ apis }) => apis[0] as Mortal,
  'the second API': ({ apis }) => apis[1] as Mortal,
  'the first worker': ({ workers }) => workers[0] as Mortal,
  'the second worker': ({ workers }) => workers[1] as Mortal,
  Redis: ({ redis }) => redis,
  MariaDB: ({ mariadb }) => mariadb,
}

/** kill -9 of the API, the workers, Redis, MariaDB at random moments, alone and together. */
export const killedProcesses: FaultKind = {
  number: 1,
  name: 'killed-processes',
  about: 'kill -9 of an API, a worker, Redis and MariaDB at random moments, alone and together',
  draw: (random) => {
    const faults: Fault[] = []
    const moments = random.whole(1, 3)
    for (let i = 0; i < moments; i++) {
      const atMs = 400 + i * 1100 + random.whole(0, 500)
      const names = Object.keys(victims)
      const together = random.happens(0.35) ? random.whole(2, names.length) : 1
      faults.push(killAll(atMs, draw(random, names, together), random.whole(20, 500)))
    }
    return { settings: { workers: 2 }, faults }
  },
}

function killAll(atMs: number, names: readonly string[], downMs: number): Fault {
  return {
    atMs,
    what: `kill -9 ${names.join(', ')}; start again after ${downMs} ms`,
    inflict: async ({ stage }) => {
      const mortals = names.map((name) => victims[name]?.(stage) as Mortal)
      await Promise.all(mortals.map((mortal) => mortal.kill()))
      await delay(downMs)
      await Promise.all(mortals.map((mortal) => mortal.restart()))
    },
  }
}

function draw<T>(random: SeededRandom, from: readonly T[], count: number): T[] {
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(random.whole(0, left.length - 1), 1)[0] as T)
}
