import type { Server } from 'node:http'
import { headerBytesMax } from '../domain/limits.js'
import { answerBrokenRequest } from './broken-request.js'

export interface ConnectionBounds {
  /** In which a whole request must arrive. */
  requestTimeoutMs: number
  /** For which a connection may be idle between two calls. */
  idleTimeoutMs: number
  connectionsMax: number
}

/** How often Node looks for requests that are late: by so much they may be later. */
const lookIntervalMs = 1000

/**
 * What keeps slow senders and readers from holding sockets, as options of Fastify:
 *
 * - Node answers 408 to a request whose headers, or whose body, have not all arrived in time, and to a
 *   new connection that sends nothing.
 * - A connection on which nothing moves while a call is under way is cut after three times as long:
 *   its peer does not read, or is gone.
 */
export function connectionOptions(bounds: ConnectionBounds) {
  const { requestTimeoutMs, idleTimeoutMs } = bounds
  return {
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 3 * requestTimeoutMs,
    keepAliveTimeout: idleTimeoutMs,
    http: {
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: lookIntervalMs,
      maxHeaderSize: headerBytesMax,
      // A missing Host is refused by the shell, in the form of every other refusal.
      requireHostHeader: false,
    },
    clientErrorHandler: answerBrokenRequest,
  }
}

/** Takes no more connections than that; one more is closed at once. */
export function boundConnections(server: Server, bounds: ConnectionBounds, onDrop: () => void): void {
  server.maxConnections = bounds.connectionsMax
  server.on('drop', onDrop)
}
