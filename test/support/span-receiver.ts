import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as OTLP writes it in JSON. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: Record<string, string | number> }[]
  /** Of the process that sent it. */
  service: string
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] }
    scopeSpans: { spans: Omit<ReceivedSpan, 'service'>[] }[]
  }[]
}

/** A receiver of OTLP over HTTP, as a collector is one. */
export class SpanReceiver {
  readonly requests: { path: string; type: string; body: Buffer }[] = []

  private constructor(private readonly server: Server) {}

  static async open(): Promise<SpanReceiver> {
    const server = createServer()
    const receiver = new SpanReceiver(server)
    server.on('request', async (request, response) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      const { url = '', headers } = request
      receiver.requests.push({ path: url, type: String(headers['content-type']), body: Buffer.concat(parts) })
      response.writeHead(200, { 'content-type': String(headers['content-type']) }).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The spans of a trace, the first to begin first. */
  spansOf(traceId: string): ReceivedSpan[] {
    const spans = this.requests
      .filter(({ type }) => type === 'application/json')
      .flatMap(({ body }) => (JSON.parse(body.toString()) as Export).resourceSpans)
      .flatMap(({ resource, scopeSpans }) => {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
        return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })))
      })
    return spans
      .filter((span) => span.traceId === traceId)
      .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}

export function attributeOf(span: ReceivedSpan, name: string): string | undefined {
  const value = span.attributes.find(({ key }) => key === name)?.value
  return value && String(Object.values(value)[0])
}
