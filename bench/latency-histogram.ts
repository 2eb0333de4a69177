/** Quantiles in ms; undefined when nothing was recorded. */
export interface Latencies {
  count: number
  p50: number | undefined
  p99: number | undefined
  p999: number | undefined
  max: number | undefined
}

const fineMs = 0.01
const fineCount = 30_000
const coarseMs = 1
const coarseCount = 60_000

/**
 * Latencies in steps of 10 microseconds up to 300 ms and of 1 ms beyond. autocannon's own histogram
 * counts whole milliseconds, which is most of what is measured here.
 */
export class LatencyHistogram {
  private readonly fine = new Uint32Array(fineCount)
  private readonly coarse = new Uint32Array(coarseCount)
  private count = 0
  private max = 0

  record(ms: number): void {
    this.count++
    if (ms > this.max) this.max = ms
    const index = (ms / fineMs) | 0
    if (index < fineCount) this.fine[index] = (this.fine[index] ?? 0) + 1
    else this.recordCoarse(Math.min(ms | 0, coarseCount - 1))
  }

  read(): Latencies {
    return {
      count: this.count,
      p50: this.quantile(0.5),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max: this.count === 0 ? undefined : this.max,
    }
  }

  private recordCoarse(index: number): void {
    this.coarse[index] = (this.coarse[index] ?? 0) + 1
  }

  private quantile(share: number): number | undefined {
    let left = Math.ceil(this.count * share)
    if (left === 0) return undefined
    for (let i = 0; i < fineCount; i++) {
      left -= this.fine[i] ?? 0
      if (left <= 0) return (i + 1) * fineMs
    }
    for (let i = 0; i < coarseCount; i++) {
      left -= this.coarse[i] ?? 0
      if (left <= 0) return (i + 1) * coarseMs
    }
    return this.max
  }
}
