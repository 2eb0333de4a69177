import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually, type TestStore } from '../support/test-store.js'

describe('while MySQL is away', () => {
  let store: TestStore
  let proxy: TcpProxy
  let shopper: Shopper
  let problem: () => string | undefined

  beforeAll(async () => {
    store = await openBriefStore({ confirmWaitMs: 200, connectTimeoutMs: 1000 })
    const url = new URL(inject('databaseUrl'))
    proxy = await TcpProxy.open(url.href)
    const behind = new URL(proxy.url)
    behind.pathname = new URL(store.config.databaseUrl).pathname
    const api = await store.api({ databaseUrl: behind.href })
    const worker = await store.worker({ databaseUrl: behind.href, sweepMs: 200 })
    problem = () => worker.stores.get(store.name)?.writer.problem
    shopper = new Shopper(api.app)
    await shopper.set('CUP', 100)
    await expectInvariants(store)
  })

  afterAll(() => proxy.unplug())

  const hold = async (ttlSeconds = 900) => {
    const { status, body } = await shopper.reserve({ lines: [{ sku: 'CUP', quantity: 1 }], ttlSeconds })
    expect(status).toBe(201)
    return body.id as string
  }

  test('holds go on, payments are answered 202, and nothing is lost when it is back', async () => {
    const ids = [await hold(), await hold()]
    await proxy.unplug()
    ids.push(await hold(), await hold())
    const brief = await hold(1)
    const paid = await Promise.all(ids.slice(1).map((id) => shopper.confirm(id, { paymentRef: `p-${id}` })))
    expect(paid.map(({ status, body }) => [status, body.persisted])).toEqual(
      ids.slice(1).map(() => [202, false]),
    )
    expect((await shopper.release(ids[0] as string)).status).toBe(200)
    await eventually(async () => (await shopper.read(brief)).body.state === 'expired', 'expiry goes on')
    await eventually(() => problem() !== undefined, 'the writer says that it cannot go on')
    const readiness = await shopper.readyz()
    expect(readiness.status).toBe(200)
    expect(readiness.body.reasons.join()).toMatch(/MySQL cannot be reached/)
    expect(readiness.body.promises.confirmSurvivesLossOfEitherStore).toBe(false)
    expect(readiness.body.stores[store.name].entriesBehind).toBeGreaterThan(5)

    await proxy.plug()
    const again = async () => shopper.confirm(ids[1] as string, { paymentRef: `p-${ids[1]}` })
    await eventually(async () => (await again()).status === 200, 'the repeated payment is answered 200')
    const { mysql } = await expectInvariants(store)
    expect(problem()).toBeUndefined()
    for (const id of ids.slice(1)) expect(mysql.reservations.get(id)?.state).toBe('confirmed')
    expect(mysql.counts.get('CUP')).toEqual({ available: 97, held: 0, sold: 3 })
    expect((await shopper.readyz()).body.stores[store.name].entriesBehind).toBe(0)
  })

  test('and comes and goes under load, every payment answered is kept', async () => {
    const paid: string[] = []
    let done = false
    const trade = async () => {
      while (!done) {
        const id = await hold()
        if ((await shopper.confirm(id)).status < 300) paid.push(id)
      }
    }
    await shopper.adjust('CUP', 1_000_000)
    const traders = Promise.all(Array.from({ length: 8 }, trade))
    for (let cut = 0; cut < 3; cut++) {
      const before = paid.length
      await proxy.unplug()
      await eventually(() => paid.length > before + 8, 'payments go on without MySQL')
      await proxy.plug()
      await eventually(() => paid.length > before + 50, 'payments go on')
    }
    done = true
    await traders
    const { mysql } = await expectInvariants(store)
    for (const id of paid) expect(mysql.reservations.get(id)?.state).toBe('confirmed')
  })
})
