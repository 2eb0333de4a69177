import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Shedding } from './load-monitor.js'
import { sendProblem } from './problem.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The call settles a hold: a shopper has paid, gives units back, or is about to. It is refused last. */
    settles?: true
  }
}

/** The `config` of a route whose calls settle a hold. */
export const settling = { settles: true } as const

/** Refuses calls while the process is overloaded, before anything is read or asked. */
export function loadShedder(load: { readonly shedding: Shedding }, onShed: () => void) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const { shedding } = load
    if (shedding === 'nothing' || (shedding === 'unsettling' && request.routeOptions.config.settles)) done()
    else {
      onShed()
      sendProblem(reply, 'overloaded', 'Repeat the call with the same key.')
    }
  }
}
