import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Line } from '../domain/reservation.js'
import type { Counts } from '../domain/stock.js'

/** A call is repeated, with its key, while its effect is unknown. */
const attemptsMax = 10
const attemptPauseMs = 200

interface Call {
  method: 'GET' | 'POST' | 'PUT'
  path: string
  body?: object
  idempotencyKey?: string
  /** Hangs up when the reply begins, as a bad connection does. */
  loseReply?: boolean
}

interface Reply {
  status: number
  replayed: boolean
  body: unknown
}

export interface Hold {
  id: string
  /** The key had made this reservation before. */
  replayed: boolean
}

class LostReplyError extends Error {}

/** A storefront's calls to Holdfast, over connections that are kept. */
export class HoldfastClient {
  private readonly agent: Agent

  constructor(
    private readonly url: string,
    private readonly store: string,
    connectionsMax: number,
    private readonly signal: AbortSignal,
    /** Where the service asks for one. */
    private readonly apiKey?: string | undefined,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
  }

  close(): void {
    this.agent.destroy()
  }

  async setStock(sku: string, onHand: number): Promise<void> {
    const reply = await this.call({ method: 'PUT', path: `/v1/stock/${sku}`, body: { onHand } })
    if (reply.status !== 200 && reply.status !== 201) throw unexpected(reply)
  }

  async readStock(): Promise<Map<string, Counts>> {
    const reply = await this.call({ method: 'GET', path: '/v1/stock?limit=500' })
    if (reply.status !== 200) throw unexpected(reply)
    const { items } = reply.body as { items: ({ sku: string } & Counts)[] }
    return new Map(items.map((item) => [item.sku, item]))
  }

  /** @returns undefined when the units are not available. */
  async reserve(order: {
    orderId: string
    customerId: string
    lines: readonly Line[]
    ttlSeconds: number
    loseReply?: boolean
  }): Promise<Hold | undefined> {
    const { loseReply = false, ...body } = order
    const call: Call = { method: 'POST', path: '/v1/reservations', idempotencyKey: order.orderId, body }
    if (loseReply) await this.send({ ...call, loseReply }).catch(ignoreLostReply)
    const reply = await this.call(call)
    if (reply.status === 409) return undefined
    if (reply.status !== 201 && reply.status !== 200) throw unexpected(reply)
    return { id: (reply.body as { id: string }).id, replayed: reply.replayed }
  }

  /** @returns false when the deadline has passed: the customer is not charged. */
  async confirm(id: string, paymentRef: string): Promise<boolean> {
    const reply = await this.call({
      method: 'POST',
      path: `/v1/reservations/${id}/confirm`,
      body: { paymentRef },
    })
    if (reply.status === 409) return false
    if (reply.status !== 200 && reply.status !== 202) throw unexpected(reply)
    return true
  }

  /** Repeats while the service says that it cannot answer, or the connection breaks. */
  private async call(call: Call): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      try {
        const reply = await this.send(call)
        if (reply.status !== 503 || attempt === attemptsMax) return reply
      } catch (error) {
        this.signal.throwIfAborted()
        if (attempt === attemptsMax) throw error
      }
      await delay(attemptPauseMs, undefined, { signal: this.signal })
    }
  }

  private send(call: Call): Promise<Reply> {
    const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
    return new Promise((resolve, reject) => {
      const sending = request(
        this.url + call.path,
        {
          agent: this.agent,
          method: call.method,
          signal: this.signal,
          headers: {
            'holdfast-store': this.store,
            ...(this.apiKey !== undefined && { authorization: `Bearer ${this.apiKey}` }),
            ...(payload !== undefined && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(payload),
            }),
            ...(call.idempotencyKey !== undefined && { 'idempotency-key': call.idempotencyKey }),
          },
        },
        (response) => {
          if (call.loseReply) sending.destroy(new LostReplyError('the reply was lost'))
          else readReply(response).then(resolve, reject)
        },
      )
      sending.on('error', reject)
      sending.end(payload)
    })
  }
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response) text += part
  return {
    status: response.statusCode ?? 0,
    replayed: response.headers['idempotency-replayed'] === 'true',
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function ignoreLostReply(error: unknown): void {
  if (!(error instanceof LostReplyError)) throw error
}

function unexpected(reply: Reply): Error {
  return new Error(`Holdfast answered ${reply.status}: ${JSON.stringify(reply.body)}`)
}
