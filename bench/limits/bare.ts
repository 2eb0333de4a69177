import { answerOf } from '../servers/reserve-app.js'
import type { Reserver } from '../servers/reserver.js'

const fixed = answerOf(
  '0193a3f2-0000-7000-8000-000000000000',
  { customerId: 'customer-7', lines: [{ sku: 'sku-000000', quantity: 1 }] },
  Date.UTC(2026, 11, 12, 12, 12, 12),
)

/** The route validates and replies with one fixed reservation: what no service behind it can pass. */
export function openBare(): Reserver {
  return {
    reserve: () => fixed,
    setStock: async () => {},
    available: async () => 0,
    close: async () => {},
  }
}
