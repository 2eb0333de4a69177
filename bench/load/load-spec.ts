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

/** What came of it, to the last answer. */
export interface LoadResult {
  /** From when the connections are made until no more was asked for; the last answers come later. */
  seconds: number
  /** Answers within `seconds` that say that it is done, and those that say no for good. */
  acceptedPerSecond: number
  refusedPerSecond: number
  /** 201: a hold. */
  accepted: Latencies
  /** 200 and 202: a hold paid for or cancelled. */
  finished: Latencies
  /** 409: a definite no. */
  refused: Latencies
  byStatus: Record<number, number>
  /** Requests that were never answered, or neither as above nor by a 503 that says when to repeat. */
  broken: number
  confirmed: number
  released: number
}

/** How many were answered with a yes or a definite no. */
export function definiteAnswers({ accepted, finished, refused }: LoadResult): number {
  return accepted.count + finished.count + refused.count
}

/** How many may have taken effect or not: told to repeat, or not told at all. */
export function unsureAnswers({ byStatus, broken }: LoadResult): number {
  return broken + (byStatus[503] ?? 0)
}
