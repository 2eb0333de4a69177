import { Gauge, type Registry } from 'prom-client'
import type { GateObserver } from '../stock/gate-observer.js'
import type { ScriptName } from '../stock/scripts.js'
import { type Count, Counts, type Distribution, Distributions, durationBounds } from './tally.js'

/** A batch of `HOLDFAST_BATCH_CALLS_MAX` calls is the largest; 500 is the most that can be set. */
const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]

/** The part of a gate that tells how many calls wait. */
interface WaitingCalls {
  readonly waiting: Readonly<Record<string, number>>
}

/** The figures of the gates: what calls are told, how many share a step, how long the scripts take. */
export class GateMetrics {
  private readonly calls: Counts
  private readonly batches: Distributions
  private readonly durations: Distributions
  private readonly gates = new Map<string, WaitingCalls>()

  constructor(registry: Registry) {
    this.calls = new Counts(
      registry,
      'holdfast_gate_calls_total',
      'Calls of the stock gate, by script and by what they were told.',
    )
    this.batches = new Distributions(
      registry,
      'holdfast_gate_batch_calls',
      'How many calls one step of a script served.',
      batchBounds,
    )
    this.durations = new Distributions(
      registry,
      'holdfast_script_duration_seconds',
      'From the sending of a script to its answer, with the fsync of Redis.',
      durationBounds,
    )
    const { gates } = this
    new Gauge({
      name: 'holdfast_gate_calls_waiting',
      help: 'Calls that wait for a step of their script.',
      labelNames: ['store', 'script'] as const,
      registers: [registry],
      collect() {
        this.reset()
        for (const [store, { waiting }] of gates) {
          for (const [script, calls] of Object.entries(waiting)) this.set({ store, script }, calls)
        }
      },
    })
  }

  /** What is told of the gate of a store. */
  observer(store: string): GateObserver {
    const outcomes = new Map<ScriptName, Map<string, Count>>()
    const steps = new Map<ScriptName, { batch: Distribution; duration: Distribution }>()
    return {
      ran: (script, calls, ms) => {
        let step = steps.get(script)
        if (!step) {
          step = { batch: this.batches.child({ script }), duration: this.durations.child({ script }) }
          steps.set(script, step)
        }
        step.batch.add(calls)
        step.duration.add(ms / 1000)
      },
      judged: (script, outcome) => {
        let counts = outcomes.get(script)
        if (!counts) {
          counts = new Map()
          outcomes.set(script, counts)
        }
        let count = counts.get(outcome)
        if (!count) {
          count = this.calls.child({ store, script, outcome })
          counts.set(outcome, count)
        }
        count.add()
      },
    }
  }

  /** Has the calls that wait at a gate told. */
  watch(store: string, gate: WaitingCalls): void {
    this.gates.set(store, gate)
  }
}
