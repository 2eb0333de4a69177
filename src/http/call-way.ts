import type { FastifyRequest } from 'fastify'
import { GatePassage } from '../stock/gate-observer.js'
import type { ScriptName } from '../stock/scripts.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Absent for calls that do not pass the gate. */
    way: CallWay | undefined
  }
}

/** Where a call spent its time, in ms of `performance.now()`: told when it was slow, and to traces. */
export class CallWay {
  readonly passage = new GatePassage()
  /** When it began to wait for MySQL, and when that ended; 0: it did not. */
  mysqlFromMs = 0
  mysqlToMs = 0

  constructor(readonly script: ScriptName) {}

  /** Notes how long something of MySQL is waited for. */
  async awaitMysql<Result>(waiting: Promise<Result>): Promise<Result> {
    this.mysqlFromMs = performance.now()
    try {
      return await waiting
    } finally {
      this.mysqlToMs = performance.now()
    }
  }
}

/** A call is about to pass the gate. */
export function beginWay(request: FastifyRequest, script: ScriptName): CallWay {
  const way = new CallWay(script)
  request.way = way
  return way
}
