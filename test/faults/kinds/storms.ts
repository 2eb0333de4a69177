import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import type { ApiClient } from '../crowd/api-client.js'
import { extensionSeconds } from '../crowd/crowd.js'
import { type Call, type CartLine, type Event, nowMs } from '../history.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

const oneKeyWay = '100 requests with one key'
const racesWay = 'deadline races'
const lateWay = 'a late payment for units that others hold'
/** The same payment notice again and again: what else becomes of its reservation, and what if it expires. */
const notices = (['refuse', 'reacquire'] as const).flatMap((ifExpired) =>
  [false, true].map((released) => ({
    way: `a notice 50 times, ${released ? 'released meanwhile' : 'expiring'}: ${ifExpired}`,
    ifExpired,
    released,
  })),
)

/** Nothing breaks but the callers' manners: many calls about one thing, in the worst order and moment. */
export const storms: FaultKind = {
  number: 10,
  name: 'storms',
  about:
    '100 concurrent requests with one key; the same payment notice 50 times, out of order with release and expiry; deadline races within 5 ms; late payments for units that others hold; all are answered',
  ways: [oneKeyWay, ...notices.map(({ way }) => way), racesWay, lateWay],
  draw: (random, { turn }) => ({
    faults: [
      oneKey(random.whole(200, 600), 100),
      paymentNotices(random.whole(700, 1000), 50, random, inTurn(notices, turn)),
      deadlineRaces(random.whole(1000, 1400), 20, random),
      latePayment(random.whole(1000, 1400)),
      oneKey(random.whole(1500, 2000), 100),
    ],
  }),
  judge: ({ history }) => findUnserved(history.events, 'in a storm all calls'),
}

function oneKey(atMs: number, count: number): Fault {
  return {
    atMs,
    what: `${count} concurrent requests with one key`,
    way: oneKeyWay,
    inflict: async (scene) => {
      const call = hold(`storm-${atMs}`, 30)
      const events = await Promise.all(
        Array.from({ length: count }, (_, i) => anyClient(scene, i).send(call)),
      )
      const made = events.filter(({ reply }) => reply?.status === 201).length
      scene.observe(made === 1 ? 'one of the requests held units' : `${made} of the requests held units`)
      return events.some(({ reply }) => reply?.replayed)
    },
  }
}

function paymentNotices(
  atMs: number,
  count: number,
  random: SeededRandom,
  { way, ifExpired, released }: (typeof notices)[number],
): Fault {
  // Some before the release, some after it, some after the deadline of what was not released in time.
  const moments = Array.from({ length: count }, () => random.whole(0, 1300))
  const releaseAtMs = released ? random.whole(0, 1300) : undefined
  const isReleased = releaseAtMs === undefined ? 'never released' : `released at ${releaseAtMs} ms`
  return {
    atMs,
    what: `the same payment notice ${count} times within 1.3 s for a hold of 1 s, ${isReleased}, if expired: ${ifExpired}`,
    way,
    inflict: async (scene) => {
      const id = await holdUnits(scene, `noticed-${atMs}`, 1)
      if (!id) return false
      const confirm: Call = { verb: 'confirm', id, paymentRef: 'notice', ifExpired }
      const calls = moments.map((ms, i) => sendAt(anyClient(scene, i), confirm, nowMs() + ms))
      if (releaseAtMs !== undefined) {
        calls.push(sendAt(anyClient(scene, 0), { verb: 'release', id }, nowMs() + releaseAtMs))
      }
      const events = await Promise.all(calls)
      return events.filter(({ reply }) => reply && reply.status < 500).length > 1
    },
  }
}

function deadlineRaces(atMs: number, count: number, random: SeededRandom): Fault {
  const offsets = Array.from({ length: count * 3 }, () => random.whole(-5, 5))
  return {
    atMs,
    what: `${count} holds that are paid, released and extended within 5 ms of their deadlines`,
    way: racesWay,
    inflict: async (scene) => {
      /** @returns whether any of its calls was answered. */
      const race = async (i: number): Promise<boolean> => {
        const id = await holdUnits(scene, `raced-${atMs}-${i}`, 1)
        const held = scene.history.events.findLast(
          ({ reply }) => reply?.status === 201 && reply.body.id === id,
        )
        if (!id || !held) return false
        const deadline = Date.parse(held.reply?.body.expiresAt)
        const calls: Call[] = [
          {
            verb: 'confirm',
            id,
            paymentRef: `payment-${id}`,
            ifExpired: i % 2 === 0 ? 'refuse' : 'reacquire',
          },
          { verb: 'release', id },
          { verb: 'extend', id, ttlSeconds: extensionSeconds },
        ]
        const events = await Promise.all(
          calls.map((call, n) => sendAt(anyClient(scene, i + n), call, deadline + (offsets[3 * i + n] ?? 0))),
        )
        return events.some(({ reply }) => reply && reply.status < 500)
      }
      const raced = await Promise.all(Array.from({ length: count }, (_, i) => race(i)))
      return raced.some(Boolean)
    },
  }
}

/** Whether the units are there then is decided together with taking them. */
function latePayment(atMs: number): Fault {
  const last = { sku: 'LAST', quantity: 3 }
  return {
    atMs,
    what: 'the last units are paid for after their deadline, when somebody else holds them',
    way: lateWay,
    inflict: async (scene) => {
      await anyClient(scene, 0).send({ verb: 'set', sku: last.sku, onHand: last.quantity })
      const id = await holdUnits(scene, 'late', 1, last)
      if (!id) return false
      // Refused until the first hold has expired.
      let next: string | undefined
      for (let i = 0; !next && i < 50; i++) {
        await delay(100)
        next = await holdUnits(scene, `next-${i}`, 30, last)
      }
      const payment: Call = { verb: 'confirm', id, paymentRef: 'late', ifExpired: 'reacquire' }
      const events = await Promise.all([0, 1].map((i) => anyClient(scene, i).send(payment)))
      return events.some(({ reply }) => reply?.status === 409)
    },
  }
}

const sock: CartLine = { sku: 'SOCK', quantity: 1 }

function hold(key: string, ttlSeconds: number, line = sock): Call {
  return { verb: 'reserve', key, customerId: 'storm', lines: [line], ttlSeconds }
}

/** @returns the id, unless it was not answered. */
async function holdUnits(
  scene: Scene,
  key: string,
  ttlSeconds: number,
  line = sock,
): Promise<string | undefined> {
  const { reply } = await anyClient(scene, 0).send(hold(key, ttlSeconds, line))
  return reply?.status === 201 ? reply.body.id : undefined
}

function anyClient({ clients }: Scene, number: number): ApiClient {
  return clients[number % clients.length] as ApiClient
}

async function sendAt(client: ApiClient, call: Call, atMs: number): Promise<Event> {
  await delay(Math.max(0, atMs - nowMs()))
  return client.send(call)
}
