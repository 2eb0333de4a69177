import { setTimeout as delay } from 'node:timers/promises'
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { AnsweredCall, TracedWrite, Tracing } from './tracing.js'

/** How long the last spans may take to be sent when the process ends. */
const flushMsMax = 2000

/**
 * Traces by the SDK of OpenTelemetry, sent over OTLP/HTTP. The SDK reads its own variables: endpoint, headers,
 * sampler, limits, the names of the resource.
 *
 * A call's spans are made when it has been answered, from the times that were noted on its way. So no call
 * carries a context through the gate, and the sampler is asked once.
 */
export async function openOtlpTracing(
  protocol: 'http/protobuf' | 'http/json',
  part: string,
  version: string,
): Promise<Tracing> {
  const { OTLPTraceExporter } = await (protocol === 'http/json'
    ? import('@opentelemetry/exporter-trace-otlp-http')
    : import('@opentelemetry/exporter-trace-otlp-proto'))
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': part, 'service.version': version }))
    .merge(detectResources({ detectors: [envDetector] }))
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  const tracer = provider.getTracer('holdfast', version)
  return {
    traceCall: (call) => traceCall(tracer, call),
    traceWrite: (write) => traceWrite(tracer, write),
    // A receiver that is away must not keep the process from ending.
    stop: () =>
      Promise.race([provider.shutdown().catch(() => {}), delay(flushMsMax, undefined, { ref: false })]),
  }
}

const propagator = new W3CTraceContextPropagator()

function callerOf(carrier: { traceparent?: string | undefined; tracestate?: string | undefined }): Context {
  return propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter)
}

function traceCall(tracer: Tracer, call: AnsweredCall): string | undefined {
  const { method, route, status, store, position, step, mysql } = call
  const about = {
    ...(store !== undefined && { 'holdfast.store': store }),
    ...(position !== undefined && { 'holdfast.position': position }),
  }
  const served = tracer.startSpan(
    `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      startTime: call.startMs,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
        'holdfast.request_id': call.requestId,
        ...about,
      },
    },
    callerOf(call),
  )
  if (!served.isRecording()) return undefined
  const within = trace.setSpan(ROOT_CONTEXT, served)
  let scripted: string | undefined
  if (step) {
    const span = tracer.startSpan(
      `${step.script}.lua`,
      {
        kind: SpanKind.CLIENT,
        startTime: step.startMs,
        attributes: {
          'db.system.name': 'redis',
          'db.operation.name': 'EVALSHA',
          'db.operation.batch.size': step.calls,
          ...about,
        },
      },
      within,
    )
    span.end(step.endMs)
    const carrier: { traceparent?: string } = {}
    propagator.inject(trace.setSpan(ROOT_CONTEXT, span), carrier, defaultTextMapSetter)
    scripted = carrier.traceparent
  }
  if (mysql) {
    tracer
      .startSpan('wait for MySQL', { startTime: mysql.startMs, attributes: about }, within)
      .end(mysql.endMs)
  }
  if (status >= 500) served.setStatus({ code: SpanStatusCode.ERROR })
  served.end(call.endMs)
  return scripted
}

function traceWrite(tracer: Tracer, { traceparent, store, position, entries, ...times }: TracedWrite): void {
  const attributes = {
    'db.system.name': 'mysql',
    'db.operation.batch.size': entries,
    'holdfast.store': store,
    'holdfast.position': position,
  }
  const options = { kind: SpanKind.CLIENT, startTime: times.startMs, attributes }
  tracer.startSpan('write the ledger', options, callerOf({ traceparent })).end(times.endMs)
}
