import { destination, type Logger, pino } from 'pino'
import { connectionFailure } from './ledger/connection-failure.js'

/**
 * The process's log: JSON lines on standard error, so that standard output stays for people. No
 * customer data is logged above debug; credentials are removed wherever they stand.
 */
export function openLog(level: string, part: string): Logger {
  return pino(
    {
      level,
      base: { part, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['req.headers.authorization', 'headers.authorization'],
      serializers: { err: describeError },
    },
    destination({ dest: 2, sync: false }),
  )
}

/** What is known of an error but its own fields: a failed Redis command carries its arguments. */
function describeError(error: Error & { code?: unknown }) {
  const { type, message, stack } = pino.stdSerializers.err(error)
  return { type, message, stack, code: error.code, cause: connectionFailure(error) }
}
