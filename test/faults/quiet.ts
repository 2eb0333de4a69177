import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/test-store.js'
import type { ApiClient } from './crowd/api-client.js'
import { type Call, type Event, nowMs } from './history.js'
import type { Scene } from './kinds/fault-kind.js'

const quietTimeoutMs = 30_000
const pauseMs = 20

/**
 * Waits until every instance says that it is ready, takes a reservation, and has its payment persisted.
 *
 * @returns how many ms that took.
 */
export async function becomeReady({ stage, clients }: Scene): Promise<number> {
  const began = nowMs()
  await Promise.all(
    stage.apis.map(async (api, index) => {
      await eventually(() => api.isReady(), `${api.name} is ready`, quietTimeoutMs)
      await sellOne(clients[index] as ApiClient, `probe-${index}`)
    }),
  )
  return nowMs() - began
}

async function sellOne(client: ApiClient, key: string): Promise<void> {
  const lines = [{ sku: 'SOCK', quantity: 1 }]
  const reserve: Call = { verb: 'reserve', key, customerId: 'probe', lines, ttlSeconds: 600 }
  const held = await answered(client, reserve, (status) => status < 500)
  const { id } = held.reply?.body ?? {}
  const confirm: Call = { verb: 'confirm', id, paymentRef: `payment-${id}`, ifExpired: 'refuse' }
  await answered(client, confirm, (status) => status < 500 && status !== 202)
}

/**
 * Repeats every change of which it is unknown whether it took effect, as the contract asks of a
 * storefront, until each is answered.
 */
export async function settleUnknown({ history, clients }: Scene): Promise<void> {
  const unknown = history.events.filter(({ call, reply, unsent }) => {
    return !unsent && isChange(call) && (!reply || reply.status === 503)
  })
  const distinct = new Map(unknown.map((event) => [JSON.stringify(event.call), event]))
  const queue = [...distinct.values()]
  const lane = async (): Promise<void> => {
    for (let event = queue.pop(); event; event = queue.pop()) {
      await answered(clients[event.api] as ApiClient, event.call, (status) => status !== 503)
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
}

/** Counting the shelf again would be another count. */
function isChange({ verb }: Call): boolean {
  return !['read', 'stock', 'list', 'set'].includes(verb)
}

/** Sends a call until its answer is final. */
async function answered(client: ApiClient, call: Call, isFinal: (status: number) => boolean): Promise<Event> {
  const deadline = nowMs() + quietTimeoutMs
  for (;;) {
    const event = await client.send(call)
    if (event.reply && isFinal(event.reply.status)) return event
    if (nowMs() > deadline) {
      throw new Error(`no answer to ${JSON.stringify(call)}: ${JSON.stringify(event.reply ?? event.lost)}`)
    }
    await delay(pauseMs)
  }
}

/** Waits until MySQL holds the whole ledger and nothing is overdue; how much is left if that never comes. */
export async function fallQuiet({ stage }: Scene): Promise<{ leaked: number }> {
  const { admin } = stage.redis
  const overdue = async () => {
    const [seconds] = await admin.time()
    return admin.zcount(stage.keys.deadlines, '-inf', Number(seconds) * 1000)
  }
  try {
    await eventually(async () => (await overdue()) === 0, 'nothing is overdue', 20_000)
    return { leaked: 0 }
  } catch {
    return { leaked: await overdue() }
  }
}
