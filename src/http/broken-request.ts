import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type RefusalCode, refusals } from '../domain/outcomes.js'
import { describeProblem } from './problem.js'
import { securityHeaders } from './security-headers.js'

/** What is answered, with a problem, to a request that never becomes a call of a route. */
export const brokenRequestCodes = [
  'invalid-request',
  'request-timeout',
  'headers-too-large',
] as const satisfies RefusalCode[]

/**
 * Answers what Node cannot read as a request, and lets go of the connection: nothing that follows on
 * it could be told from the rest of the broken one.
 *
 * An earlier request of the connection that was whole may have had its effect by now, and the client
 * would take this for its answer: such a connection is closed without a word, which means unknown.
 */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // Node's own handler asks the same undocumented field; there is no other way to know.
  const pending = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage
  if (!socket.writable || pending?.headersSent || pending?.req.complete) {
    socket.destroy(error)
    return
  }
  socket.end(renderAnswer(brokenRequestCode(error)), () => socket.destroy())
}

function brokenRequestCode({ code }: NodeJS.ErrnoException): (typeof brokenRequestCodes)[number] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'invalid-request'
}

function renderAnswer(code: (typeof brokenRequestCodes)[number]): string {
  const { status, title } = refusals[code]
  const detail = code === 'invalid-request' ? 'This is not a request of HTTP/1.1.' : title
  const body = JSON.stringify(describeProblem(code, detail))
  const headers = Object.entries({
    ...securityHeaders,
    connection: 'close',
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
  }).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, '', body].join('\r\n')
}
