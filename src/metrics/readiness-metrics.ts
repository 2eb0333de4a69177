import { Gauge, type Registry } from 'prom-client'
import { asked } from './reading.js'

/** What is wrong with a part, in a word. */
export interface PartFlaw {
  part: string
  reason: string
}

/** How every part is. */
export interface PartReport {
  /** Whether each part does its work. */
  parts: Readonly<Record<string, boolean>>
  flaws: readonly PartFlaw[]
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
    help: '1 for each reason why Redis or MySQL keeps less than is promised; absent when there is none.',
    labelNames: ['part', 'reason'] as const,
    registers: [registry],
    async collect() {
      const { flaws = [] } = (await report(undefined)) ?? {}
      this.reset()
      for (const { part, reason } of flaws) this.set({ part, reason }, 1)
    },
  })
}
