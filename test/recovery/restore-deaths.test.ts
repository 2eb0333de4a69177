import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { openLog } from '../../src/log.js'
import { FenceWatcher } from '../../src/recovery/fence-watcher.js'
import { restoreByHand } from '../../src/recovery/restore.js'
import { StoreFence } from '../../src/stock/store-fence.js'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { eventually } from '../support/test-store.js'

const settings = { retentionSeconds: 600, pageRows: 2, leaseMs: 150, intervalMs: 10, rewriteMs: 1000 }
const lines = [{ sku: 'cup', quantity: 1 }]
const store = await openBriefStore({ confirmWaitMs: 5000 })
const fence = new StoreFence(store.redis, store.name)
const ledger = new StoreLedger(store.database, store.name)
const log = openLog('silent', 'test')

class DeathError extends Error {}

interface Death {
  /** The method at which the process ends. */
  at: string
  /** `before` the call was made, or `after` it had its effect and before anything came of it. */
  when: 'before' | 'after'
}

/** The parts of a process that ends at a step: nothing that it calls afterwards arrives anywhere. */
function dyingProcess(death: Death): { fence: StoreFence; ledger: StoreLedger } {
  let dead = false
  const dying = <T extends object>(part: T): T =>
    new Proxy(part, {
      get: (target, name) => {
        const member = Reflect.get(target, name) as unknown
        if (typeof member !== 'function') return member
        // A walk only reads; what is done with it is a step of its own.
        if (name === 'adjustmentKeys') return member.bind(target)
        return async (...args: unknown[]) => {
          const isIt = name === death.at && !dead
          if (isIt && death.when === 'before') dead = true
          if (dead) throw new DeathError()
          const result = await (member as (...args: unknown[]) => unknown).apply(target, args)
          if (isIt) dead = true
          if (dead) throw new DeathError()
          return result
        }
      },
    })
  return { fence: dying(fence), ledger: dying(ledger) }
}

const steps = [
  ...['takeRestoreLease', 'head', 'giveTo', 'clear', 'forgetAdjustments'],
  ...['restoreStock', 'restoreReservations', 'restoreAdjustments', 'markOpened', 'open'],
]
const deaths: Death[] = steps.flatMap((at) => [
  { at, when: 'before' },
  { at, when: 'after' },
])

/** From here on a process that watches the server knows that an administrator has decided. */
const isDecided = ({ at, when }: Death) =>
  steps.indexOf(at) > steps.indexOf('giveTo') || (at === 'giveTo' && when === 'after')

beforeAll(async () => {
  const api = await store.api()
  const worker = await store.worker()
  const shopper = new Shopper(api.app)
  for (const sku of ['cup', 'hat', 'fez']) await shopper.set(sku, 10)
  await shopper.adjust('cup', 5, 'delivery-1')
  for (let i = 0; i < 5; i++) await shopper.reserve({ lines }, `order-${i}`)
  expect((await shopper.confirm((await shopper.reserve({ lines })).body.id)).status).toBe(200)
  await expectInvariants(store)
  await worker.stop()
  await api.stop()
})

// What an earlier death has left is no part of the next.
beforeEach(async () => {
  await store.redis.del(store.keys.restorer)
})

/** As of a server that sells, with an entry that MySQL lacks. */
async function sell(): Promise<void> {
  await eventually(
    async () => (await restoreByHand(fence, ledger, 'set-up', settings)) !== undefined,
    'it is open',
  )
  await store.redis.hset(store.keys.stock, 'cup', '99 0 0')
}

/** As of a server from which another one took the store over. */
async function beSuperseded(): Promise<void> {
  await sell()
  await store.database.store.updateMany({ data: { server: 'another', generation: { increment: 1 } } })
  await fence.supersede(await fence.server())
}

async function expectRestored(): Promise<void> {
  expect((await fence.head()).open).toBe(true)
  const { redis } = await expectInvariants(store)
  expect(redis.counts.get('cup')).toEqual({ available: 9, held: 5, sold: 1 })
  const remembered = await store.redis.get(store.keys.adjustment('delivery-1'))
  expect(remembered).toBe('cup\t5\t')
}

describe.each([
  ['sells', sell],
  ['was superseded', beSuperseded],
] as const)('a restore of a server that %s, by a process that dies', (_name, prepare) => {
  test.for(deaths)('$when $at is carried through by the next one', async (death) => {
    await prepare()
    const process = dyingProcess(death)
    await expect(restoreByHand(process.fence, process.ledger, 'dying', settings)).rejects.toThrow(DeathError)
    const repeat = async () => (await restoreByHand(fence, ledger, 'next', settings)) !== undefined
    await eventually(repeat, 'the next one was let in')
    await expectRestored()
  })

  test.for(deaths.filter(isDecided))('$when $at is carried through by whoever watches', async (death) => {
    await prepare()
    const process = dyingProcess(death)
    await expect(restoreByHand(process.fence, process.ledger, 'dying', settings)).rejects.toThrow(DeathError)
    const watcher = new FenceWatcher(fence, ledger, settings, log)
    await watcher.start()
    await eventually(() => watcher.reason === undefined, 'the store is open')
    await watcher.stop()
    await expectRestored()
  })
})

test('a process that dies before its claim leaves a superseded server as it was', async () => {
  await beSuperseded()
  const process = dyingProcess({ at: 'giveTo', when: 'before' })
  await expect(restoreByHand(process.fence, process.ledger, 'dying', settings)).rejects.toThrow(DeathError)
  const watcher = new FenceWatcher(fence, ledger, settings, log)
  await watcher.start()
  expect(watcher.reason).toMatch(/another Redis server has taken the store over/)
  await watcher.stop()
})

/** A part of a process, one of whose calls does more than it does elsewhere. */
function partWith<T extends object>(part: T, name: keyof T, instead: (call: () => unknown) => unknown): T {
  return new Proxy(part, {
    get: (target, called) => {
      const member = Reflect.get(target, called) as unknown
      if (typeof member !== 'function') return member
      const call = (...args: unknown[]) => (member as (...args: unknown[]) => unknown).apply(target, args)
      return called === name ? (...args: unknown[]) => instead(() => call(...args)) : call
    },
  })
}

/** A moment that one process brings about and another waits for. */
function moment(): { come: () => void; came: Promise<void> } {
  let come = () => {}
  const came = new Promise<void>((resolve) => {
    come = resolve
  })
  return { come, came }
}

describe.each(['takeRestoreLease', 'head'] as const)('a process that is late at %s', (lateAt) => {
  test('does not restore again what another has restored and sold from since', async () => {
    await sell()
    await store.redis.del(store.keys.position)
    const [firstHasClaimed, secondHasLooked, firstHasOpened] = [moment(), moment(), moment()]
    const ready = { ...settings, leaseMs: 60_000, intervalMs: 60_000 }
    // The first one claims the epoch, and goes on when the second one has seen what it left by then.
    const slow = partWith(fence, 'restoreStock', async (call) => {
      firstHasClaimed.come()
      await secondHasLooked.came
      return call()
    })
    const first = new FenceWatcher(slow, ledger, ready, log)
    const firstStarts = first.start()
    await firstHasClaimed.came
    let looks = 0
    const late = partWith(fence, lateAt, async (call) => {
      // The first `head` is that of the look itself.
      if (lateAt === 'head' && looks++ === 0) return call()
      secondHasLooked.come()
      await firstHasOpened.came
      return call()
    })
    // Its leases are its own: what is tried here is a lease that has ended.
    const unleased = lateAt === 'head' ? partWith(late, 'takeRestoreLease', async () => true) : late
    const second = new FenceWatcher(unleased, ledger, ready, log)
    const secondStarts = second.start()
    await firstStarts
    expect(first.reason).toBeUndefined()
    const { epoch } = await fence.head()
    firstHasOpened.come()
    await secondStarts
    await Promise.all([first.stop(), second.stop()])
    expect(await fence.head()).toMatchObject({ open: true, epoch })
    expect((await ledger.row()).watermark.epoch).toBe(epoch)
    await expectRestored()
  })
})

test('many restores at once never open what none of them has restored whole', async () => {
  await sell()
  const restore = (owner: string, leaseMs: number) =>
    restoreByHand(
      new StoreFence(store.redis, store.name),
      new StoreLedger(store.database, store.name),
      owner,
      { ...settings, leaseMs },
    )
  // Leases so short that they meet in the middle of each other's work.
  const results = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => restore(`process-${i}`, 1)))
  const restored = results.some((result) => result.status === 'fulfilled' && result.value)
  // Each may have been in the way of another: then an administrator repeats it.
  if (!restored) expect(await restore('process-6', settings.leaseMs)).toBeDefined()
  await expectRestored()
})
