import { expect, inject, test } from 'vitest'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { eventually } from '../support/test-store.js'

test('a writer that vanishes in a transaction, without a word, stops the next one for seconds only', {
  timeout: 60_000,
}, async () => {
  const store = await openBriefStore({ confirmWaitMs: 300 })
  const cable = await TcpProxy.open(inject('databaseUrl'))
  const behind = new URL(cable.url)
  behind.pathname = new URL(store.config.databaseUrl).pathname
  const shopper = new Shopper((await store.api()).app)
  await store.worker({ databaseUrl: behind.href })
  await shopper.set('CUP', 10)
  await expectInvariants(store)
  const vanished = new Promise<void>((resolve) => {
    cable.tap = (bytes, from) => {
      if (from !== 'client' || !bytes.includes('INSERT INTO ledger')) return 'pass'
      cable.silence()
      resolve()
      return 'keep'
    }
  })
  const { id } = (await shopper.reserve({ lines: [{ sku: 'CUP', quantity: 1 }] })).body
  await vanished
  await store.worker()
  await eventually(async () => (await shopper.confirm(id)).status === 200, 'the sale is persisted', 30_000)
  await expectInvariants(store)
  // Its connections end, and so can it.
  await cable.unplug()
  expect((await shopper.read(id)).body.state).toBe('confirmed')
})
