import type { FastifyReply, FastifyRequest } from 'fastify'
import { parsePosition } from '../domain/position.js'
import type { AnsweredCall, TimeSpan, Tracing } from '../tracing/tracing.js'
import type { CallWay } from './call-way.js'
import { SlowCallLog } from './slow-call-log.js'

export interface CallWatchLog {
  warn(fields: object, message: string): void
}

/** Who tells the workers that an entry is traced. */
export type TellTraced = (
  store: string,
  entry: { position: { epoch: number; sequence: number }; traceparent: string; sentMs: number },
) => void

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The answer goes on until one side hangs up: it is never slow, and no trace waits for its end. */
    endless?: true
  }
}

/** Looks at calls that were answered: the slow ones are logged, the sampled ones traced. */
export class CallWatch {
  private readonly slow: SlowCallLog

  /**
   * @param slowMs from which on a call is slow; 0: none is.
   * @param tellTraced called with the entries of sampled calls.
   */
  constructor(
    private readonly slowMs: number,
    log: CallWatchLog,
    private readonly tracing?: Tracing | undefined,
    private readonly tellTraced: TellTraced = () => {},
  ) {
    this.slow = new SlowCallLog(log)
  }

  /** @param ms from the call's arrival to the end of its answer. */
  answered(request: FastifyRequest, reply: FastifyReply, ms: number): void {
    const isSlow = this.slowMs > 0 && ms >= this.slowMs
    if (!isSlow && !this.tracing) return
    if (request.routeOptions.config.endless) return
    const call = answeredCall(request, reply, ms)
    const traceparent = this.tracing?.traceCall(call)
    if (traceparent !== undefined) this.tellEntry(call, traceparent)
    if (isSlow) this.slow.add(call, traceparent ?? call.traceparent)
  }

  private tellEntry({ store, position = '', step, status }: AnsweredCall, traceparent: string): void {
    const at = status < 300 ? parsePosition(position) : undefined
    if (at && step && store !== undefined)
      this.tellTraced(store, { position: at, traceparent, sentMs: step.startMs })
  }
}

function answeredCall(request: FastifyRequest, reply: FastifyReply, ms: number): AnsweredCall {
  const { way, headers } = request
  const endMs = performance.now()
  const position = reply.getHeader('holdfast-position')
  return {
    method: request.method,
    route: request.routeOptions.url ?? '',
    status: reply.statusCode,
    requestId: request.id,
    traceparent: only(headers.traceparent),
    tracestate: only(headers.tracestate),
    store: request.store?.gate.store,
    position: position === undefined ? undefined : String(position),
    ...since1970(endMs - ms, endMs),
    step: stepOf(way),
    mysql: way && way.mysqlToMs > 0 ? since1970(way.mysqlFromMs, way.mysqlToMs) : undefined,
  }
}

function stepOf(way: CallWay | undefined): AnsweredCall['step'] {
  if (!way || way.passage.sentMs === 0) return undefined
  const { sentMs, answeredMs, calls } = way.passage
  return { script: way.script, calls, ...since1970(sentMs, answeredMs) }
}

function since1970(startMs: number, endMs: number): TimeSpan {
  return { startMs: performance.timeOrigin + startMs, endMs: performance.timeOrigin + endMs }
}

function only(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined
}
