import { randomInt } from 'node:crypto'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type Refusal, type RefusalCode, refusals } from '../domain/outcomes.js'
import { formatPosition, type Position } from '../domain/position.js'

/** Seconds after which a client may try again what was answered with 503. */
const retryAfterSeconds = 1
/** Whom an overloaded process sends away comes back at different times. */
const overloadRetrySecondsMax = 3

/** How to send a key; the scheme has to be followed by a parameter (RFC 6750, section 3). */
export const challenge = 'Bearer realm="holdfast"'

/** Problem details (RFC 9457); `detail` is for people, the fields beside the four are for programs. */
export interface ProblemDetails {
  type: string
  title: string
  status: number
  detail: string
  [field: string]: unknown
}

export function describeProblem(
  code: RefusalCode,
  detail: string,
  fields: Readonly<Record<string, unknown>> = {},
): ProblemDetails {
  const { status, title } = refusals[code]
  return { type: `urn:holdfast:${code}`, title, status, detail, ...fields }
}

/** Answers with problem details. */
export function sendProblem(
  reply: FastifyReply,
  code: RefusalCode,
  detail: string,
  fields: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  return send(reply, code, describeProblem(code, detail, fields))
}

function send(reply: FastifyReply, code: RefusalCode, problem: ProblemDetails): FastifyReply {
  const { status } = problem
  if (code === 'overloaded') reply.header('retry-after', randomInt(1, overloadRetrySecondsMax + 1))
  else if (status === 503) reply.header('retry-after', retryAfterSeconds)
  if (status === 401) reply.header('www-authenticate', challenge)
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send(problem)
}

/**
 * Names the ledger entry after which an answer is true, so that answers can be put in order: those of
 * Redis, whatever they say.
 */
export function setPosition(reply: FastifyReply, position: Position | undefined): FastifyReply {
  return position ? reply.header('holdfast-position', formatPosition(position)) : reply
}

/** Answers with a refusal of the gate. @param reason why the store is fenced, where it is. */
export function sendRefusal(reply: FastifyReply, refusal: Refusal, reason?: string): FastifyReply {
  return send(setPosition(reply, refusal.position), refusal.refused, describeRefusal(refusal, reason))
}

/** A refusal with the fields the contract names for it. */
export function describeRefusal(refusal: Refusal, reason?: string): ProblemDetails {
  const code = refusal.refused
  switch (refusal.refused) {
    case 'insufficient-stock': {
      const short = refusal.lines.map((l) => `${l.sku}: ${l.requested} requested, ${l.available} available`)
      return describeProblem(code, `${short.join('; ')}.`, { lines: refusal.lines })
    }
    case 'unknown-sku':
      return describeProblem(code, `Unknown: ${refusal.skus.join(', ')}.`, { skus: refusal.skus })
    case 'below-held':
      return describeProblem(code, `${refusal.held} units are held.`, { held: refusal.held })
    case 'extension-limit': {
      const latest = new Date(refusal.expiresAtMsMax).toISOString()
      return describeProblem(code, `Its deadline can be ${latest} at the latest.`, { expiresAtMax: latest })
    }
    case 'invalid-request':
      return describeProblem(code, `${refusal.detail ?? refusals[code].title}`)
    case 'store-fenced':
      return describeProblem(code, `${reason ?? 'Redis and MySQL have not been compared yet'}.`)
    case 'holds-paused':
      return describeProblem(code, `${refusal.reason}.`)
    default:
      return describeProblem(code, refusals[code].title)
  }
}

/** Maps what Fastify and our own code throw. Nothing internal reaches the client. */
export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.validation) return sendProblem(reply, 'invalid-request', `${error.message}.`)
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return sendProblem(reply, 'body-too-large', refusals['body-too-large'].title)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return sendProblem(reply, 'unsupported-media-type', refusals['unsupported-media-type'].title)
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return sendProblem(reply, 'invalid-request', `${error.message}`)
  }
  request.log.error({ err: error, requestId: request.id }, 'a call failed')
  return sendProblem(reply, 'internal-error', `Repeat the call with the same key. Request ${request.id}.`)
}
