import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../support/test-store.js'
import type { ProductPart } from '../stage/product-part.js'
import { RedisClock } from '../stage/redis-clock.js'
import type { Stage } from '../stage/stage.js'
import { type Drawn, type Fault, type FaultKind, inTurn } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

const shiftedClock = fileURLToPath(new URL('../stage/shifted-clock.js', import.meta.url))
const hourSeconds = 3600

const forward = { sign: 1, name: 'an hour ahead' }
const back = { sign: -1, name: 'an hour behind' }

const ways: Readonly<Record<string, (atMs: number, way: string) => Drawn>> = Object.fromEntries(
  [forward, back].flatMap(({ sign, name }) => [
    [`hosts ${name}`, (atMs: number, way: string) => wrongHosts(atMs, way, sign * hourSeconds)],
    [`Redis ${name}`, (atMs: number, way: string) => wrongRedis(atMs, way, sign * hourSeconds, false)],
    [
      `Redis ${name}, and no worker`,
      (atMs: number, way: string) => wrongRedis(atMs, way, sign * hourSeconds, true),
    ],
  ]),
)

/** The API's host is an hour off, or the clock of Redis is set while it runs. */
export const wrongClocks: FaultKind = {
  number: 9,
  name: 'wrong-clocks',
  about: "the API host's clock wrong by an hour; Redis' clock set forward and back; all calls go on",
  ways: Object.keys(ways),
  missing: async () =>
    (await RedisClock.library()) ? undefined : 'libfaketime is not there and cannot be installed',
  draw: (random, { turn }) => {
    const way = inTurn(wrongClocks.ways, turn)
    return ways[way]?.(random.whole(400, 1000), way) as Drawn
  },
  judge: ({ history }) => findUnserved(history.events, 'with a wrong clock all calls'),
}

/** Nothing happens on the way: it is wrong from the start. */
function wrongHosts(atMs: number, way: string, seconds: number): Drawn {
  const fault: Fault = {
    atMs,
    what: `the hosts of the API are ${seconds} s off all the time`,
    way,
    inflict: async ({ stage }) => {
      await delay(1000)
      return stage.apis.every(({ log }) => {
        const loggedMs = Date.parse(/"time":"([^"]+)"/.exec(log)?.[1] ?? '')
        return Math.abs(loggedMs - Date.now() - seconds * 1000) < (hourSeconds * 1000) / 2
      })
    },
  }
  const settings = {
    apiNodeArgs: ['--import', shiftedClock],
    env: { HOLDFAST_CLOCK_SHIFT_MS: String(seconds * 1000) },
  }
  return { settings, faults: [fault] }
}

function wrongRedis(atMs: number, way: string, seconds: number, killed: boolean): Drawn {
  const fault: Fault = {
    atMs,
    what: `set the clock of Redis by ${seconds} s for 2.5 s${killed ? '; kill -9 the worker meanwhile' : ''}`,
    way,
    // That the clock was set is waited for.
    inflict: async ({ stage, allowance }) => {
      allowance.clockIsSet = true
      await stage.setRedisClock(seconds)
      await eventually(async () => (await offsetSeconds(stage)) === seconds, 'the clock is set')
      await delay(1250)
      if (killed) await (stage.workers[0] as ProductPart).kill()
      await delay(1250)
      await stage.setRedisClock(0)
      await eventually(async () => (await offsetSeconds(stage)) === 0, 'the clock is right')
      if (killed) stage.workers[0]?.restart()
      return true
    },
  }
  return { settings: { redisClock: true }, faults: [fault] }
}

/** How far the clock of Redis is from ours, in minutes' precision: it is set by hours. */
async function offsetSeconds({ redis }: Stage): Promise<number> {
  const [seconds] = await redis.admin.time()
  return Math.round((Number(seconds) - Date.now() / 1000) / 60) * 60
}
