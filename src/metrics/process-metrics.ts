import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { GateMetrics } from './gate-metrics.js'
import { StoreMetrics } from './store-metrics.js'

/** prom-client gives these gauges the suffix of a counter; `nodejs_active_resources` tells the same by type. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** A registry with the figures of the process itself. */
export function openRegistry(version: string): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)
  new Gauge({
    name: 'holdfast_build_info',
    help: 'Always 1; its labels tell what runs.',
    labelNames: ['version', 'node'] as const,
    registers: [registry],
  }).set({ version, node: process.version }, 1)
  return registry
}

/** The figures of a process that API and worker both have; a process with both of them has them once. */
export interface ProcessMetrics {
  registry: Registry
  gates: GateMetrics
  stores: StoreMetrics
}

export function openProcessMetrics(version: string): ProcessMetrics {
  const registry = openRegistry(version)
  return { registry, gates: new GateMetrics(registry), stores: new StoreMetrics(registry) }
}
