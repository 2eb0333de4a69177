import { expect, test } from 'vitest'
import { eventually, openTestStore } from '../support/test-store.js'

test('many stores are compared at once by one process', async () => {
  const store = await openTestStore({ reconcileSeconds: 0 })
  const stores = Array.from({ length: 16 }, (_, i) => `${store.name}-${i}`)
  const api = await store.api({ stores })
  await store.worker({ stores })
  const services = stores.map((name) => api.stores.get(name))
  await eventually(() => services.every((each) => each && each.fence.reason === undefined), 'all are open')
  for (const each of services) await each?.gate.setStock('shirt', 10)
  const reports = await Promise.all(services.map((each) => each?.reconciler.run({ repair: false })))
  for (const report of reports) expect(report).toMatchObject({ checked: { skus: 1 }, driftedTotal: 0 })
})
