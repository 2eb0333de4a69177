import { randomUUID } from 'node:crypto'

/** The reservation a request makes, as every peer answers it. */
export function newReservation(request) {
  const now = Date.now()
  return {
    id: randomUUID(),
    state: 'held',
    customerId: request.customerId,
    ...(request.orderId !== undefined && { orderId: request.orderId }),
    lines: request.lines,
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + (request.ttlSeconds ?? 900) * 1000).toISOString(),
  }
}

/** Lines in one order, so that two carts never wait for each other's rows. */
export function sorted(lines) {
  return lines.length === 1 ? lines : [...lines].sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

/** Thrown to roll a transaction back; carries the answer. */
export class ShortError extends Error {
  constructor(line, available) {
    super('insufficient stock')
    this.lines = [{ sku: line.sku, requested: line.quantity, available }]
  }
}

/** Answers with the short lines that ended a transaction. */
export async function answerShort(attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (error instanceof ShortError) return error.lines
    throw error
  }
}
