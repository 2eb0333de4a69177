import { Agent, type IncomingMessage, request } from 'node:http'
import type { Call, Event, History, Reply } from '../history.js'
import { nowMs } from '../history.js'

/** Sends calls to an instance of the API as a storefront does, and records each in the history. */
export class ApiClient {
  /** Whether shoppers are sent here: a balancer's choice. */
  isRouted = true
  private isClosed = false
  private readonly agent = new Agent({ keepAlive: true })

  constructor(
    private readonly history: History,
    private readonly api: number,
    private readonly port: number,
    /** A storefront does not wait longer; the call may still take effect afterwards. */
    private readonly timeoutMs: number,
  ) {}

  /** @throws Error when the round is over. */
  async send(call: Call): Promise<Event> {
    if (this.isClosed) throw new Error('the round is over')
    const event = this.history.begin(this.api, call)
    const { method, path, key, body } = asRequest(call)
    try {
      event.reply = await this.exchange(method, path, key, body)
      event.endMs = nowMs()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      event.lost = code ?? message
      if (code === 'ECONNREFUSED') event.unsent = true
    }
    this.history.settle(event)
    return event
  }

  close(): void {
    this.isClosed = true
    this.agent.destroy()
  }

  private exchange(method: string, path: string, key: string | undefined, body: object | undefined) {
    return new Promise<Reply>((resolve, reject) => {
      const text = body && JSON.stringify(body)
      const headers: Record<string, string> = {}
      if (text) {
        headers['content-type'] = 'application/json'
        headers['content-length'] = String(Buffer.byteLength(text))
      }
      if (key) headers['idempotency-key'] = key
      const sent = request(
        { host: '127.0.0.1', port: this.port, method, path, headers, agent: this.agent },
        (response) => {
          readReply(response).then(finish(resolve), finish(reject))
        },
      )
      const timer = setTimeout(() => sent.destroy(new Error('timeout')), this.timeoutMs)
      sent.on('error', finish(reject))
      sent.end(text)
      function finish<T>(settle: (value: T) => void): (value: T) => void {
        return (value) => {
          clearTimeout(timer)
          settle(value)
        }
      }
    })
  }
}

function asRequest(call: Call): { method: string; path: string; key?: string; body?: object } {
  switch (call.verb) {
    case 'reserve': {
      const { customerId, lines, ttlSeconds, key } = call
      return { method: 'POST', path: '/v1/reservations', key, body: { customerId, lines, ttlSeconds } }
    }
    case 'confirm': {
      const { id, paymentRef, ifExpired } = call
      return { method: 'POST', path: `/v1/reservations/${id}/confirm`, body: { paymentRef, ifExpired } }
    }
    case 'release':
      return { method: 'POST', path: `/v1/reservations/${call.id}/release`, body: {} }
    case 'extend':
      return {
        method: 'POST',
        path: `/v1/reservations/${call.id}/extend`,
        body: { ttlSeconds: call.ttlSeconds },
      }
    case 'read':
      return { method: 'GET', path: `/v1/reservations/${call.id}` }
    case 'stock':
      return { method: 'GET', path: `/v1/stock/${call.sku}` }
    case 'list':
      return { method: 'GET', path: '/v1/stock' }
    case 'set':
      return { method: 'PUT', path: `/v1/stock/${call.sku}`, body: { onHand: call.onHand } }
    case 'adjust': {
      const { sku, quantity, key } = call
      // The reason is written to the ledger, where it tells whose entry it is.
      return { method: 'POST', path: `/v1/stock/${sku}/adjustments`, key, body: { quantity, reason: key } }
    }
  }
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const { headers, statusCode = 0 } = response
  return {
    status: statusCode,
    position: headers['holdfast-position'] as string | undefined,
    replayed: headers['idempotency-replayed'] === 'true',
    contentType: headers['content-type'],
    retryAfter: headers['retry-after'],
    body: JSON.parse(text),
  }
}
