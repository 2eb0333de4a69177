import { ConfigError } from '../config.js'
import type { ScriptName } from '../stock/scripts.js'

/** From when to when, in ms since 1970. */
export interface TimeSpan {
  startMs: number
  endMs: number
}

/** A call that was answered. */
export interface AnsweredCall extends TimeSpan {
  method: string
  /** The route's pattern, never the path. */
  route: string
  status: number
  requestId: string
  /** The caller's trace (W3C Trace Context), as it came. */
  traceparent: string | undefined
  tracestate: string | undefined
  store: string | undefined
  /** The ledger entry after which the answer is true. */
  position: string | undefined
  /** Its way through the gate. */
  step: (TimeSpan & { script: ScriptName; calls: number }) | undefined
  /** How long it waited for MySQL. */
  mysql: TimeSpan | undefined
}

/** A transaction that wrote a traced entry to MySQL. */
export interface TracedWrite extends TimeSpan {
  store: string
  position: string
  /** Entries in the transaction. */
  entries: number
  /** The trace, and the span of the script that made the entry. */
  traceparent: string
}

/** Where spans go. Nothing of it is asked before a call has been answered. */
export interface Tracing {
  /** @returns the trace and the span of the call's script, when the call is sampled and there is one. */
  traceCall(call: AnsweredCall): string | undefined
  traceWrite(write: TracedWrite): void
  /** Sends what is left. */
  stop(): Promise<void>
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Whether the standard variables of OpenTelemetry ask for traces: an endpoint or an exporter is named,
 * and nothing switches them off. All other variables are the SDK's.
 *
 * @throws ConfigError for an exporter or a protocol that is not built in.
 */
export function asksForTraces(environment: Environment): boolean {
  const read = (name: string) => environment[name]?.trim() ?? ''
  if (read('OTEL_SDK_DISABLED').toLowerCase() === 'true') return false
  const exporter = read('OTEL_TRACES_EXPORTER')
  const endpoint = read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || read('OTEL_EXPORTER_OTLP_ENDPOINT')
  if (exporter === 'none' || (exporter === '' && endpoint === '')) return false
  if (exporter !== '' && exporter !== 'otlp') {
    throw new ConfigError(`OTEL_TRACES_EXPORTER must be otlp or none, not "${exporter}".`)
  }
  protocolOf(environment)
  return true
}

/** How spans are sent. @throws ConfigError for a protocol that is not built in. */
export function protocolOf(environment: Environment): 'http/protobuf' | 'http/json' {
  const variables = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
  const variable = variables.find((name) => environment[name]?.trim()) ?? ''
  const protocol = environment[variable]?.trim() || 'http/protobuf'
  if (protocol === 'http/protobuf' || protocol === 'http/json') return protocol
  throw new ConfigError(`${variable} must be http/protobuf or http/json, not "${protocol}".`)
}

/**
 * Opens what the environment asks for. OpenTelemetry is loaded only then: a process without traces pays
 * nothing for them.
 *
 * @param part names the process, where `OTEL_SERVICE_NAME` does not.
 */
export async function openTracing(
  environment: Environment,
  part: string,
  version: string,
): Promise<Tracing | undefined> {
  if (!asksForTraces(environment)) return undefined
  const { openOtlpTracing } = await import('./otlp-tracing.js')
  return openOtlpTracing(protocolOf(environment), part, version)
}
