import { setTimeout as delay } from 'node:timers/promises'
import { readConfig } from '../../../src/config.js'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { TcpProxy } from '../../support/tcp-proxy.js'
import type { ProductPart } from '../stage/product-part.js'
import type { Stage } from '../stage/stage.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

interface Cable {
  name: string
  of(stage: Stage): TcpProxy
  /** What a connection carries whose reply is to be lost: changes of stock, commits, or all there is. */
  weighty: readonly string[]
  /** The instance of the API whose calls need it; none needs the others. */
  api?: number
}

const cables: readonly Cable[] = [
  { name: 'the first API and Redis', of: redisOf('apis', 0), weighty: ['evalsha'], api: 0 },
  { name: 'the second API and Redis', of: redisOf('apis', 1), weighty: ['evalsha'], api: 1 },
  { name: 'the worker and Redis', of: redisOf('workers', 0), weighty: ['evalsha'] },
  { name: 'the worker and MariaDB', of: databaseOf('workers', 0), weighty: ['COMMIT'] },
  { name: 'the first API and MariaDB', of: databaseOf('apis', 0), weighty: ['SELECT'] },
]

function redisOf(parts: 'apis' | 'workers', index: number): Cable['of'] {
  return (stage) => (stage[parts][index] as ProductPart).redisCable
}

function databaseOf(parts: 'apis' | 'workers', index: number): Cable['of'] {
  return (stage) => (stage[parts][index] as ProductPart).databaseCable
}

type Break = (scene: Scene, cable: TcpProxy, drawn: Drawn) => Promise<boolean>

interface Drawn {
  times: number
  ms: number
  weighty: readonly string[]
  /** Of so many replies one is lost. */
  share: number
}

const breaks: Readonly<Record<string, [describe: (drawn: Drawn) => string, act: Break]>> = {
  cut: [({ times }) => `${times} times`, cut],
  pulled: [({ ms }) => `for ${ms} ms`, pull],
  silent: [({ ms }) => `for ${ms} ms, then all arrives`, (...args) => silence(...args, false)],
  'half-open': [
    ({ ms }) => `silent for ${ms} ms, and its connections for ever`,
    (...args) => silence(...args, true),
  ],
  'losing replies': [({ ms, share }) => `every ${share}. for ${ms} ms`, loseReplies],
}

/** Each cable with each break. */
const turns = Object.keys(breaks).flatMap((way) => cables.map((cable) => ({ cable, way })))
const wayOf = ({ cable, way }: (typeof turns)[number]) => `${cable.name}: ${way}`

/** How long after a cable is whole again its instance may need for new connections. */
const reconnectMs = 3000
/** One that is dead without a word is given up when an answer of Redis is as late as this. */
const commandTimeoutMs = readConfig({}).commandTimeoutMs
const repairMs = (way: string) => (way.endsWith('half-open') ? commandTimeoutMs + reconnectMs : reconnectMs)

/** The connections between the parts: cut, silent, or losing replies. */
export const brokenCables: FaultKind = {
  number: 6,
  name: 'broken-cables',
  about:
    'connections of API and worker to Redis and MariaDB cut, half-open, and losing replies; an API goes on whose way to Redis is whole',
  ways: turns.map(wayOf),
  draw: (random, { turn }) => {
    const faults = [0, 1, 2].map((i) => {
      // Those of a round are far from each other in the list, and 18 rounds go through it twice.
      const next = inTurn(turns, 2 * turn + 18 * i)
      return drawFault(random, 300 + i * 900 + random.whole(0, 500), next)
    })
    return { faults }
  },
  judge: ({ history, inflictions }) =>
    [0, 1].flatMap((api) => {
      const needed = cables.filter((cable) => cable.api === api).map(({ name }) => `${name}:`)
      const broken = inflictions.filter(({ way }) => needed.some((name) => way.startsWith(name)))
      const whole = history.events.filter(
        ({ startMs, endMs = startMs + reconnectMs }) =>
          !broken.some(({ way, fromMs, toMs }) => endMs >= fromMs && startMs <= toMs + repairMs(way)),
      )
      return findUnserved(whole, 'while Redis can be reached all calls', { apis: [api] })
    }),
}

function drawFault(random: SeededRandom, atMs: number, turn: (typeof turns)[number]): Fault {
  const { cable, way } = turn
  const { weighty } = cable
  // An API says little to MySQL: it is listened to for longer, and loses all. A worker commits in groups.
  const isQuiet = weighty.includes('SELECT')
  const drawn = {
    times: random.whole(1, 8),
    ms: isQuiet ? random.whole(2000, 3000) : random.whole(200, 2500),
    weighty,
    share: isQuiet ? 1 : random.whole(1, weighty.includes('COMMIT') ? 3 : 10),
  }
  const [describe, act] = breaks[way] as (typeof breaks)[string]
  return {
    atMs,
    what: `the connections between ${cable.name} are ${way}, ${describe(drawn)}`,
    way: wayOf(turn),
    inflict: (scene) => act(scene, cable.of(scene.stage), drawn),
  }
}

async function cut(_scene: Scene, cable: TcpProxy, { times }: Drawn): Promise<boolean> {
  let count = 0
  for (let i = 0; i < times; i++) {
    count += cable.connections
    cable.cut()
    await delay(60)
  }
  return count > 0
}

async function pull(_scene: Scene, cable: TcpProxy, { ms }: Drawn): Promise<boolean> {
  const count = cable.connections
  await cable.unplug()
  await delay(ms)
  await cable.plug()
  return count > 0
}

async function silence(
  _scene: Scene,
  cable: TcpProxy,
  { ms }: Drawn,
  forgetLinks: boolean,
): Promise<boolean> {
  const count = cable.connections
  cable.silence()
  await delay(ms)
  cable.speak({ forgetLinks })
  return count > 0
}

async function loseReplies(
  { observe }: Scene,
  cable: TcpProxy,
  { ms, weighty, share }: Drawn,
): Promise<boolean> {
  let count = 0
  let lost = 0
  const waiting = new WeakSet<object>()
  cable.tap = (bytes, from, link) => {
    if (from === 'client') {
      if (weighty.some((word) => bytes.includes(word))) waiting.add(link)
      return 'pass'
    }
    if (!waiting.delete(link) || ++count % share !== 0) return 'pass'
    lost++
    return 'lose'
  }
  await delay(ms)
  cable.tap = undefined
  observe('replies lost', lost)
  return lost > 0
}
