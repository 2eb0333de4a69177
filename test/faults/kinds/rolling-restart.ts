import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../support/test-store.js'
import type { ApiClient } from '../crowd/api-client.js'
import type { ProductPart } from '../stage/product-part.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findPutOff, findUnserved } from './unserved-calls.js'

/** Between two looks of the balancer. */
const balanceMs = 100
/** An instance goes on serving for longer than a balancer needs to notice, however busy the machine is. */
const drainMs = 3000

const partsAlone = 'API and worker'
const withServers = 'Redis and MariaDB too'

/** Every process ended in order and started again, one after the other, as an update does. */
export const rollingRestart: FaultKind = {
  number: 11,
  name: 'rolling-restart',
  about: 'rolling restart of every process under load: no request is lost but with 503',
  ways: [partsAlone, withServers],
  draw: (random, { turn }) => ({
    settings: { workers: 2, env: { HOLDFAST_DRAIN_MS: String(drainMs) } },
    faults: [roll(random.whole(300, 800), inTurn(rollingRestart.ways, turn))],
  }),
  judge: ({ history, inflictions }) => [
    ...history.events
      .filter(({ reply, unsent }) => !reply && !unsent)
      .map(({ number, call, lost }) => `call ${number} (${call.verb}) was lost: ${lost}`),
    ...findPutOff(history.events, ['store-fenced', 'redis-unavailable', 'stopping', 'overloaded']),
    ...(inflictions.some(({ way }) => way === partsAlone)
      ? findUnserved(history.events, 'where a balancer looks all calls')
      : []),
  ],
}

function roll(atMs: number, way: string): Fault {
  return {
    atMs,
    what: `restart each API and worker in turn${way === withServers ? ', then Redis and MariaDB' : ''}`,
    way,
    inflict: async (scene) => {
      const { stage } = scene
      const balancing = new AbortController()
      const balancer = balance(scene, balancing.signal)
      let inOrder = 0
      for (const part of stage.parts) if (await restart(part, scene)) inOrder++
      if (way === withServers) {
        await stage.redis.stopAndStart()
        await Promise.all(stage.apis.map((api) => api.becomesReady()))
        await stage.mariadb.stopAndStart()
      }
      balancing.abort()
      await balancer
      return inOrder === stage.parts.length
    },
  }
}

/** Sends nothing to an instance that does not say that it is ready, as every balancer can. */
async function balance({ stage, clients }: Scene, signal: AbortSignal): Promise<void> {
  const watch = async (api: ProductPart, client: ApiClient) => {
    while (!signal.aborted) {
      client.isRouted = await api.isReady()
      await delay(balanceMs)
    }
    client.isRouted = true
  }
  await Promise.all(stage.apis.map((api, i) => watch(api, clients[i] as ApiClient)))
}

/** @returns whether it ended in order. */
async function restart(part: ProductPart, { stage, observe }: Scene): Promise<boolean> {
  const status = await part.stop()
  observe(status === 0 ? 'ended in order' : `${part.name} ended with ${status}`)
  part.restart()
  if (stage.apis.includes(part)) await part.becomesReady()
  else await eventually(() => /the worker runs/.test(part.log), `${part.name} runs`)
  return status === 0
}
