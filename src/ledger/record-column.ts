import { Prisma } from './prisma-client/client.js'

const ms = (column: string) => `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${column}) DIV 1000`

/** `formatRecord` in SQL: comparing two texts costs far less than reading twelve columns of each. */
export const recordColumn =
  Prisma.raw(`CONCAT_WS('\\t', state, CONCAT(epoch, '-', sequence), ${ms('created_at')},
  ${ms('expires_at')}, COALESCE(${ms('closed_at')}, ''), IF(reacquired, '1', ''), COALESCE(payment_ref, ''),
  COALESCE(idempotency_key, ''), ttl_seconds, \`lines\`, customer_id, COALESCE(order_id, ''))`)
