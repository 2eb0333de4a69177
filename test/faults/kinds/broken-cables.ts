import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { TcpProxy } from '../../support/tcp-proxy.js'
import type { ProductPart } from '../stage/product-part.js'
import type { Stage } from '../stage/stage.js'
import type { Fault, FaultKind } from './fault-kind.js'

const cables: Readonly<Record<string, (stage: Stage) => TcpProxy>> = {
  'the first API and Redis': ({ apis }) => (apis[0] as ProductPart).redisCable,
  'the second API and Redis': ({ apis }) => (apis[1] as ProductPart).redisCable,
  'the worker and Redis': ({ workers }) => (workers[0] as ProductPart).redisCable,
  'the worker and MariaDB': ({ workers }) => (workers[0] as ProductPart).databaseCable,
  'the first API and MariaDB': ({ apis }) => (apis[0] as ProductPart).databaseCable,
}

/** What the connection carries whose reply is to be lost: changes of stock, and commits. */
const weighty = ['evalsha', 'COMMIT']

/** The connections between the parts: cut, silent, or losing replies. */
export const brokenCables: FaultKind = {
  number: 6,
  name: 'broken-cables',
  about: 'connections of API and worker to Redis and MariaDB cut, half-open, and losing replies',
  draw: (random) => {
    const faults = Array.from({ length: random.whole(2, 3) }, (_, i) => {
      const names = Object.keys(cables)
      const name = names[random.whole(0, names.length - 1)] as string
      return drawFault(random, 300 + i * 900 + random.whole(0, 500), name)
    })
    return { faults }
  },
}

function drawFault(random: SeededRandom, atMs: number, name: string): Fault {
  const cableOf = cables[name] as (stage: Stage) => TcpProxy
  const way = random.whole(0, 4)
  const ms = random.whole(200, 2500)
  if (way === 0) {
    const times = random.whole(1, 8)
    return {
      atMs,
      what: `cut the connections between ${name}, ${times} times`,
      inflict: async ({ stage }) => {
        for (let i = 0; i < times; i++) {
          cableOf(stage).cut()
          await delay(60)
        }
      },
    }
  }
  if (way === 1) {
    return {
      atMs,
      what: `pull the cable between ${name} for ${ms} ms`,
      inflict: async ({ stage }) => {
        const cable = cableOf(stage)
        await cable.unplug()
        await delay(ms)
        await cable.plug()
      },
    }
  }
  if (way === 2 || way === 3) {
    const forgetLinks = way === 3
    const after = forgetLinks ? 'its connections stay dead for ever' : 'then all arrives'
    return {
      atMs,
      what: `silence between ${name} for ${ms} ms, ${after}`,
      inflict: async ({ stage }) => {
        const cable = cableOf(stage)
        cable.silence()
        await delay(ms)
        cable.speak({ forgetLinks })
      },
    }
  }
  const share = random.whole(1, 10)
  return {
    atMs,
    what: `lose every ${share}. reply between ${name} for ${ms} ms`,
    inflict: async ({ stage, observe }) => {
      const cable = cableOf(stage)
      let count = 0
      const waiting = new WeakSet<object>()
      cable.tap = (bytes, from, link) => {
        if (from === 'client') {
          if (weighty.some((word) => bytes.includes(word))) waiting.add(link)
          return 'pass'
        }
        if (!waiting.delete(link) || ++count % share !== 0) return 'pass'
        observe('replies lost')
        return 'lose'
      }
      await delay(ms)
      cable.tap = undefined
    },
  }
}
