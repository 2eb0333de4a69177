import type { Metric, Registry } from 'prom-client'

/*
 * What is counted on the way of a call. prom-client hashes the labels at every observation, which takes
 * 1.5 to 2 us where a whole hold takes 60; a tally is found once and then is an addition. What it counted
 * becomes labels and text when /metrics is read.
 */

type Labels = Readonly<Record<string, string>>

interface Sample {
  labels: Labels
  value: number
  metricName?: string
}

/** A metric whose children are found once, by their labels. */
abstract class Tallies<Child> {
  readonly aggregator = 'sum'
  abstract readonly type: 'counter' | 'histogram'
  private readonly children = new Map<string, { labels: Labels; child: Child }>()

  constructor(
    registry: Registry,
    readonly name: string,
    readonly help: string,
  ) {
    // All that a registry reads of a metric is its name, its type and what `get` answers.
    registry.registerMetric(this as unknown as Metric)
  }

  /** The child with these labels. Whoever counts often keeps it. */
  child(labels: Labels = {}): Child {
    const key = Object.values(labels).join('\n')
    let found = this.children.get(key)
    if (!found) {
      found = { labels, child: this.open() }
      this.children.set(key, found)
    }
    return found.child
  }

  async get() {
    const { name, help, type, aggregator } = this
    const values = [...this.children.values()].flatMap(({ labels, child }) => this.samples(labels, child))
    return { name, help, type, aggregator, values }
  }

  protected abstract open(): Child
  protected abstract samples(labels: Labels, child: Child): Sample[]
}

export class Count {
  value = 0

  add(by = 1): void {
    this.value += by
  }
}

/** A counter of Prometheus. */
export class Counts extends Tallies<Count> {
  readonly type = 'counter'

  protected open(): Count {
    return new Count()
  }

  protected samples(labels: Labels, { value }: Count): Sample[] {
    return [{ labels, value }]
  }
}

export class Distribution {
  readonly counts: number[]
  sum = 0

  /** @param bounds ascending; what is above the last one is counted beside them. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array(bounds.length + 1).fill(0)
  }

  add(value: number): void {
    const { bounds, counts } = this
    let i = 0
    while (i < bounds.length && value > (bounds[i] as number)) i++
    counts[i] = (counts[i] as number) + 1
    this.sum += value
  }
}

/** A histogram of Prometheus. */
export class Distributions extends Tallies<Distribution> {
  readonly type = 'histogram'

  constructor(
    registry: Registry,
    name: string,
    help: string,
    private readonly bounds: readonly number[],
  ) {
    super(registry, name, help)
  }

  protected open(): Distribution {
    return new Distribution(this.bounds)
  }

  protected samples(labels: Labels, { counts, sum }: Distribution): Sample[] {
    let total = 0
    const buckets = counts.map((count, i) => {
      total += count
      const le = String(this.bounds[i] ?? '+Inf')
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: total }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ]
  }
}

/** In seconds: from what one script takes to what nobody waits for any more. */
export const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
