import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { Stage } from '../stage/stage.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findUnserved, type ServedCalls } from './unserved-calls.js'

/** Something that can be killed, and started again. */
interface Mortal {
  /** @returns whether it lived. */
  kill(): Promise<boolean>
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
const names = Object.keys(victims)
const alone = (name: string) => `${name} alone`

/** What nobody notices of when only this one is killed. */
const goesOn: Readonly<Record<string, ServedCalls>> = {
  [alone('the first API')]: { apis: [1] },
  [alone('the second API')]: { apis: [0] },
  [alone('the first worker')]: {},
  [alone('the second worker')]: {},
  [alone('MariaDB')]: {},
}

/** A payment waits for MySQL for a second. */
const answerMsMax = 1500

const several = 'several together'
const all = 'all together'
const twice = 'Redis, and again right before it is opened'

/** kill -9 of the API, the workers, Redis, MariaDB at random moments, alone and together. */
export const killedProcesses: FaultKind = {
  number: 1,
  name: 'killed-processes',
  about:
    'kill -9 of an API, a worker, Redis and MariaDB at random moments, alone and together, and of a Redis that is open by the word of MySQL alone',
  ways: [...names.map(alone), several, all, twice],
  draw: (random, { turn }) => {
    const faults: Fault[] = []
    const moments = random.whole(1, 3)
    for (let i = 0; i < moments; i++) {
      const atMs = 400 + i * 1100 + random.whole(0, 500)
      const way = i === 0 ? inTurn(killedProcesses.ways, turn) : anyWay(random)
      const downMs = random.whole(20, 500)
      faults.push(
        way === twice ? killTwice(atMs, downMs) : killAll(atMs, way, drawVictims(random, way), downMs),
      )
    }
    return { settings: { workers: 2 }, faults }
  },
  judge: ({ history, inflictions }) => {
    // Of the others, what a fault before them broke may not be whole again.
    const [first, ...others] = inflictions.toSorted((a, b) => a.fromMs - b.fromMs)
    const served = first && goesOn[first.way]
    if (!served) return []
    const { fromMs } = first
    const brokenMs = Math.min(...others.map((other) => other.fromMs))
    // What was under way when something else broke may be lost to that.
    const events = history.events.filter(({ reply, startMs }) => reply || startMs < brokenMs - answerMsMax)
    const toMs = Math.min(first.toMs, brokenMs)
    return findUnserved(events, `without ${first.way} the others`, { ...served, fromMs, toMs })
  },
}

function anyWay(random: SeededRandom): string {
  if (random.happens(0.35)) return random.happens(0.2) ? all : several
  return alone(names[random.whole(0, names.length - 1)] as string)
}

function drawVictims(random: SeededRandom, way: string): string[] {
  if (way === all) return names
  if (way === several) return drawSome(random, names, random.whole(2, names.length - 1))
  return names.filter((name) => alone(name) === way)
}

function killAll(atMs: number, way: string, names: readonly string[], downMs: number): Fault {
  return {
    atMs,
    what: `kill -9 ${names.join(', ')}; start again after ${downMs} ms`,
    way,
    inflict: async ({ stage }: Scene) => {
      const mortals = names.map((name) => victims[name]?.(stage) as Mortal)
      const lived = await Promise.all(mortals.map((mortal) => mortal.kill()))
      await delay(downMs)
      await Promise.all(mortals.map((mortal) => mortal.restart()))
      return lived.every(Boolean)
    },
  }
}

/** What MySQL lacks by then must still be in Redis when it is started for the third time. */
function killTwice(atMs: number, downMs: number): Fault {
  return {
    atMs,
    what: `hold up the workers and kill -9 Redis, after ${downMs} ms start it, kill it before it is opened, start it`,
    way: twice,
    inflict: async ({ stage, observe }: Scene) => {
      const { redis, workers } = stage
      for (const worker of workers) worker.signal('SIGSTOP')
      await delay(unwrittenMs)
      // Another fault may have taken MySQL, and the workers must not be held up for ever by that.
      const unwritten = await countUnwritten(stage).catch(() => 0)
      const lived = await redis.kill()
      for (const worker of workers) worker.signal('SIGCONT')
      await delay(downMs)
      const opening = interceptOpening(stage)
      await redis.restart()
      const reached = await opening
      await redis.kill()
      for (const part of stage.parts) part.redisCable.tap = undefined
      await redis.restart()
      observe(reached ? 'killed right before it was opened' : 'never came to be opened')
      return lived && reached && unwritten > 0
    },
  }
}

/** How many entries MySQL lacks, unless Redis is away. */
async function countUnwritten({ redis, keys, database, store }: Stage): Promise<number> {
  const position = redis.admin.hget(keys.position, 'sequence')
  const sequence = await Promise.race([position, delay(answerMsMax, null)])
  const row = await database.store.findUniqueOrThrow({ where: { name: store } })
  return Number(sequence ?? 0) - Number(row.sequence)
}

/** Lets nobody open Redis from now on. @returns whether somebody was about to. */
function interceptOpening({ parts }: Stage): Promise<boolean> {
  const opening = new Promise<boolean>((resolve) => {
    for (const part of parts) {
      part.redisCable.tap = (bytes, from) => {
        if (from === 'server' || !bytes.includes(openArgument)) return 'pass'
        resolve(true)
        return 'lose'
      }
    }
  })
  return Promise.race([opening, delay(openMsMax, false)])
}

/** How long Redis gets entries that MySQL does not. */
const unwrittenMs = 300
const openMsMax = 15_000
/** Of the script that lifts the fence, on its way. */
const openArgument = '$4\r\nopen\r\n'

function drawSome<T>(random: SeededRandom, from: readonly T[], count: number): T[] {
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(random.whole(0, left.length - 1), 1)[0] as T)
}
