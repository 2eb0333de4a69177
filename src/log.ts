import { destination, type Logger, pino } from 'pino'

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
    },
    destination({ dest: 2, sync: false }),
  )
}
