import { randomBytes } from 'node:crypto'
import { skuDigits, skuName } from '../workloads.js'
import type { LoadSpec } from './load-spec.js'

const keyDigits = 9

/**
 * The requests of one connection, each with its own Idempotency-Key and cart.
 *
 * One buffer is patched in place, digits over digits of the same width: building a request anew
 * costs the load generator about as much as the rest of its work, and it must not be the limit. A
 * connection has one request under way, so its buffer is written out before it is patched again.
 */
export class ReserveRequests {
  private readonly buffer: Buffer
  private readonly keyAt: number
  private readonly skusAt: number[]
  private count = 0

  constructor(
    host: string,
    private readonly spec: Pick<LoadSpec, 'skuPrefix' | 'skus' | 'lines' | 'ttlSeconds'>,
  ) {
    const keyStem = `${randomBytes(8).toString('hex')}-`
    const body = reserveBody(
      spec,
      Array.from({ length: spec.lines }, () => 0),
    )
    const head = [
      'POST /v1/reservations HTTP/1.1',
      `Host: ${host}`,
      'Connection: keep-alive',
      'Content-Type: application/json',
      `Idempotency-Key: ${keyStem}${'0'.repeat(keyDigits)}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ].join('\r\n')
    const text = `${head}\r\n\r\n${body}`
    this.buffer = Buffer.from(text, 'latin1')
    this.keyAt = text.indexOf(keyStem) + keyStem.length
    this.skusAt = positions(text, `"${spec.skuPrefix}-`).map((at) => at + spec.skuPrefix.length + 2)
  }

  next(): Buffer {
    writeDigits(this.buffer, this.keyAt, keyDigits, this.count++)
    if (this.spec.skus > 1) this.writeSkus()
    return this.buffer
  }

  /** Distinct SKUs: a random one, then steps that cannot come back to it within a cart. */
  private writeSkus(): void {
    const { skus, lines } = this.spec
    const step = Math.floor(skus / lines)
    let index = Math.floor(Math.random() * skus)
    for (const at of this.skusAt) {
      writeDigits(this.buffer, at, skuDigits, index)
      index = (index + step) % skus
    }
  }
}

/** The body of a request for one unit of each SKU. */
export function reserveBody(
  spec: Pick<LoadSpec, 'skuPrefix' | 'ttlSeconds'>,
  skuIndexes: readonly number[],
): string {
  const lines = skuIndexes.map((index) => ({ sku: skuName(spec.skuPrefix, index), quantity: 1 }))
  return JSON.stringify({ customerId: 'customer-7', lines, ttlSeconds: spec.ttlSeconds })
}

function positions(text: string, part: string): number[] {
  const found: number[] = []
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) found.push(at)
  return found
}

function writeDigits(buffer: Buffer, at: number, width: number, number: number): void {
  let left = number
  for (let i = at + width - 1; i >= at; i--) {
    buffer[i] = 48 + (left % 10)
    left = Math.floor(left / 10)
  }
}
