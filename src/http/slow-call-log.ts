import type { AnsweredCall } from '../tracing/tracing.js'

/** Lines in `windowMs`: when everything is slow, ten calls tell as much as ten thousand. */
const linesMax = 10
const windowMs = 10_000

/**
 * Logs slow calls, a bounded number of them. Nothing of a client's is in it but
 * the id and the trace it gave the call: no customer, no key, no body.
 */
export class SlowCallLog {
  private lines = 0
  private leftOut = 0
  private window: NodeJS.Timeout | undefined

  constructor(private readonly log: { warn(fields: object, message: string): void }) {}

  /** @param traceparent of the trace that the call is part of, its caller's or its own. */
  add(call: AnsweredCall, traceparent: string | undefined): void {
    this.window ??= setTimeout(() => this.endWindow(), windowMs).unref()
    if (this.lines === linesMax) {
      this.leftOut++
      return
    }
    this.lines++
    this.log.warn(describe(call, traceparent), 'a call was slow')
  }

  private endWindow(): void {
    const { leftOut } = this
    this.window = undefined
    this.lines = 0
    this.leftOut = 0
    if (leftOut > 0)
      this.log.warn({ leftOut, seconds: windowMs / 1000 }, 'more calls were slow and are not logged')
  }
}

/** Where the time went: before its script was sent, in the script, waiting for MySQL. */
function describe(call: AnsweredCall, traceparent: string | undefined): object {
  const { method, route, status, store, requestId, step, mysql, startMs, endMs } = call
  return {
    method,
    route,
    status,
    store,
    requestId,
    traceId: /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? '')?.[1],
    tookMs: Math.round(endMs - startMs),
    ...(step && {
      gateMs: Math.round(step.startMs - startMs),
      redisMs: Math.round(step.endMs - step.startMs),
      batchCalls: step.calls,
    }),
    ...(mysql && { mysqlMs: Math.round(mysql.endMs - mysql.startMs) }),
  }
}
