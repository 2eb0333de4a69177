import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { StoreMetrics, type WatchedStore } from '../../src/metrics/store-metrics.js'

test('of a process that serves and works, the restores of both are counted', async () => {
  const registry = new Registry()
  const metrics = new StoreMetrics(registry)
  const restored = (restores: number) => ({ fence: { reason: undefined, restores } }) as WatchedStore
  metrics.watch('main', restored(2))
  metrics.watch('main', restored(1))
  expect(await registry.getSingleMetricAsString('holdfast_restores_total')).toContain(
    'holdfast_restores_total{store="main"} 3',
  )
})
