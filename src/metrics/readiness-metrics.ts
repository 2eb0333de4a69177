import { Gauge, type Registry } from 'prom-client'
import { asked } from './reading.js'

/** How every part is. */
export interface PartReport {
  /** Whether each part does its work. */
  parts: Readonly<Record<string, boolean>>
  /** What is the matter with a part, in a word. */
  problems: readonly { part: string; problem: string }[]
}

/** Whether each part that a process depends on is ready, and what is weaker with it than it should be. */
export function watchReadiness(registry: Registry, inspect: () => Promise<PartReport>): void {
  const report = asked(inspect)
  new Gauge({
    name: 'holdfast_ready',
    help: '1 while a part of the service, or a server it needs, does its work.',
    labelNames: ['part'] as const,
    registers: [registry],
    async collect() {
      const { parts = {} } = (await report(undefined)) ?? {}
      this.reset()
      for (const [part, isReady] of Object.entries(parts)) this.set({ part }, isReady ? 1 : 0)
    },
  })
  new Gauge({
    name: 'holdfast_part_degraded',
    help: '1 for each problem of Redis or MySQL that is found; absent when there is none.',
    labelNames: ['part', 'problem'] as const,
    registers: [registry],
    async collect() {
      const { problems = [] } = (await report(undefined)) ?? {}
      this.reset()
      for (const { part, problem } of problems) {
        // Those of a store have figures of their own.
        if (part === 'redis' || part === 'mysql') this.set({ part, problem }, 1)
      }
    },
  })
}
