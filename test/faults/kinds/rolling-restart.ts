import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../support/test-store.js'
import type { ApiClient } from '../crowd/api-client.js'
import type { ProductPart } from '../stage/product-part.js'
import type { Fault, FaultKind, Scene } from './fault-kind.js'

/** Between two looks of the balancer. */
const balanceMs = 100
/** An instance goes on serving for longer than a balancer needs to notice, however busy the machine is. */
const drainMs = 3000

/** Every process ended in order and started again, one after the other, as an update does. */
export const rollingRestart: FaultKind = {
  number: 11,
  name: 'rolling-restart',
  about: 'rolling restart of every process under load: no request is lost but with 503',
  draw: (random) => {
    const withServers = random.happens(0.5)
    return {
      settings: { workers: 2, env: { HOLDFAST_DRAIN_MS: String(drainMs) } },
      faults: [roll(random.whole(300, 800), withServers)],
    }
  },
  judge: ({ history }) =>
    history.events
      .filter(({ reply, unsent }) => !reply && !unsent)
      .map(({ number, call, lost }) => `call ${number} (${call.verb}) was lost: ${lost}`),
}

function roll(atMs: number, withServers: boolean): Fault {
  return {
    atMs,
    what: `restart each API and worker in turn${withServers ? ', then Redis and MariaDB' : ''}`,
    inflict: async (scene) => {
      const { stage } = scene
      const balancing = new AbortController()
      const balancer = balance(scene, balancing.signal)
      for (const part of stage.parts) await restart(part, scene)
      if (withServers) {
        await stage.redis.stopAndStart()
        await Promise.all(stage.apis.map((api) => api.becomesReady()))
        await stage.mariadb.stopAndStart()
      }
      balancing.abort()
      await balancer
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

async function restart(part: ProductPart, { stage, observe }: Scene): Promise<void> {
  const status = await part.stop()
  observe(status === 0 ? 'ended in order' : `${part.name} ended with ${status}`)
  part.restart()
  if (stage.apis.includes(part)) await part.becomesReady()
  else await eventually(() => /the worker runs/.test(part.log), `${part.name} runs`)
}
