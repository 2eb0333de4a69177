import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import { headerBytesMax } from '../domain/limits.js'
import { type RefusalCode, refusals } from '../domain/outcomes.js'
import { securityHeaders } from './security-headers.js'

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
    },
    clientErrorHandler: answerUnreadable,
  }
}

/** Takes no more connections than that; one more is closed at once. */
export function boundConnections(server: Server, bounds: ConnectionBounds, onDrop: () => void): void {
  server.maxConnections = bounds.connectionsMax
  server.on('drop', onDrop)
}

/** Answers what never became a call, in the form of every other refusal, and hangs up. */
function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) socket.write(rawAnswer(refusalOf(error.code)))
  socket.destroy()
}

function refusalOf(code: string): RefusalCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'invalid-request'
}

function rawAnswer(code: RefusalCode): string {
  const { status, title } = refusals[code]
  const body = JSON.stringify({ type: `urn:holdfast:${code}`, title, status, detail: title })
  const headers = Object.entries({
    ...securityHeaders,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('')}\r\n${body}`
}
