import type { FastifyInstance } from 'fastify'

/** What a storefront gets: the status, the body and whether it was a repeat. */
export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields the contract names.
  body: any
  replayed: boolean
}

export interface Cart {
  lines: { sku: string; quantity: number }[]
  ttlSeconds?: number
  customerId?: string
  orderId?: string
}

/** The calls of the contract, against an app without a listener. */
export class Shopper {
  constructor(private readonly app: FastifyInstance) {}

  reserve(cart: Cart, idempotencyKey?: string): Promise<Answer> {
    return this.call('POST', '/v1/reservations', { customerId: 'customer-1', ...cart }, idempotencyKey)
  }

  confirm(id: string, body: { paymentRef?: string; ifExpired?: string } = {}): Promise<Answer> {
    return this.call('POST', `/v1/reservations/${id}/confirm`, body)
  }

  release(id: string): Promise<Answer> {
    return this.call('POST', `/v1/reservations/${id}/release`, {})
  }

  extend(id: string, ttlSeconds: number): Promise<Answer> {
    return this.call('POST', `/v1/reservations/${id}/extend`, { ttlSeconds })
  }

  read(id: string): Promise<Answer> {
    return this.call('GET', `/v1/reservations/${id}`)
  }

  stock(sku: string): Promise<Answer> {
    return this.call('GET', `/v1/stock/${sku}`)
  }

  set(sku: string, onHand: number): Promise<Answer> {
    return this.call('PUT', `/v1/stock/${sku}`, { onHand })
  }

  adjust(sku: string, quantity: number, idempotencyKey?: string): Promise<Answer> {
    return this.call('POST', `/v1/stock/${sku}/adjustments`, { quantity }, idempotencyKey)
  }

  readyz(): Promise<Answer> {
    return this.call('GET', '/readyz')
  }

  private async call(
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    body?: object,
    idempotencyKey?: string,
  ): Promise<Answer> {
    const answer = await this.app.inject({
      method,
      url,
      ...(body && { payload: body }),
      ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    })
    const replayed = answer.headers['idempotency-replayed'] === 'true'
    return { status: answer.statusCode, body: answer.json(), replayed }
  }
}
