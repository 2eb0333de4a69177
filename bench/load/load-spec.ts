import type { Latencies } from '../latency-histogram.js'

/** What the load process is asked to send. */
export interface LoadSpec {
  /** Origins; connections are dealt among them in turn. */
  urls: readonly string[]
  connections: number
  /** Either for so long, or so many requests. */
  seconds?: number
  requests?: number
  shape: 'reserve' | 'checkout'
  /** Of the checkouts, one in so many is cancelled and the others are paid; 0: all are paid. */
  releaseEvery?: number
  skuPrefix: string
  skus: number
  lines: number
  ttlSeconds: number
}

/** What came of it. A request that was under way when the time ended is in no figure. */
export interface LoadResult {
  seconds: number
  responses: number
  /** 2xx. */
  accepted: Latencies
  /** 409, and 503 with Retry-After: a definite no. */
  refused: Latencies
  byStatus: Record<number, number>
  /** Lost connections, timeouts, and any answer that is neither accepted nor refused. */
  broken: number
  /** The second half of a checkout. */
  finished: Latencies
  confirmed: number
  released: number
}
