import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../support/test-store.js'
import type { ProductPart } from '../stage/product-part.js'
import { RedisClock } from '../stage/redis-clock.js'
import type { Stage } from '../stage/stage.js'
import type { Fault, FaultKind } from './fault-kind.js'

const shiftedClock = fileURLToPath(new URL('../stage/shifted-clock.js', import.meta.url))
const hourSeconds = 3600

/** The API's host is an hour off, or the clock of Redis is set while it runs. */
export const wrongClocks: FaultKind = {
  number: 9,
  name: 'wrong-clocks',
  about: "the API host's clock wrong by an hour; Redis' clock set forward and back",
  missing: async () =>
    (await RedisClock.library()) ? undefined : 'libfaketime is not there and cannot be installed',
  draw: (random) => {
    const seconds = (random.happens(0.5) ? 1 : -1) * hourSeconds
    const killed = random.happens(0.5)
    const atMs = random.whole(400, 1000)
    if (random.happens(0.4)) {
      const settings = {
        apiNodeArgs: ['--import', shiftedClock],
        env: { HOLDFAST_CLOCK_SHIFT_MS: String(seconds * 1000) },
      }
      return { settings, faults: [wrongHost(atMs, seconds)] }
    }
    return { settings: { redisClock: true }, faults: [step(atMs, seconds, killed)] }
  },
}

/** Nothing happens on the way: it is wrong from the start. */
function wrongHost(atMs: number, seconds: number): Fault {
  return { atMs, what: `the hosts of the API are ${seconds} s off all the time`, inflict: () => delay(1000) }
}

function step(atMs: number, seconds: number, killed: boolean): Fault {
  return {
    atMs,
    what: `set the clock of Redis by ${seconds} s for 2.5 s${killed ? '; kill -9 the worker meanwhile' : ''}`,
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
    },
  }
}

/** How far the clock of Redis is from ours, in minutes' precision: it is set by hours. */
async function offsetSeconds({ redis }: Stage): Promise<number> {
  const [seconds] = await redis.admin.time()
  return Math.round((Number(seconds) - Date.now() / 1000) / 60) * 60
}
