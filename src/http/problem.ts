import { randomInt } from 'node:crypto'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type Refusal, type RefusalCode, refusals } from '../domain/outcomes.js'
import { formatPosition, type Position } from '../domain/position.js'

/** Seconds after which a client may try again what was answered with 503. */
const retryAfterSeconds = 1
/** Whom an overloaded process sends away comes back at different times. */
const overloadRetrySecondsMax = 3

/** Answers with problem details (RFC 9457); `detail` is for people, `fields` for programs. */
export function sendProblem(
  reply: FastifyReply,
  code: RefusalCode,
  detail: string,
  fields: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  const { status, title } = refusals[code]
  if (code === 'overloaded') reply.header('retry-after', randomInt(1, overloadRetrySecondsMax + 1))
  else if (status === 503) reply.header('retry-after', retryAfterSeconds)
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send({ type: `urn:holdfast:${code}`, title, status, detail, ...fields })
}

/**
 * Names the ledger entry after which an answer is true, so that answers can be put in order: those of
 * Redis, whatever they say.
 */
export function setPosition(reply: FastifyReply, position: Position | undefined): FastifyReply {
  return position ? reply.header('holdfast-position', formatPosition(position)) : reply
}

/** Answers with a refusal of the gate, with the fields the contract names for it. */
export function sendRefusal(reply: FastifyReply, refusal: Refusal, reason?: string): FastifyReply {
  const code = refusal.refused
  setPosition(reply, refusal.position)
  switch (refusal.refused) {
    case 'insufficient-stock': {
      const short = refusal.lines.map((l) => `${l.sku}: ${l.requested} requested, ${l.available} available`)
      return sendProblem(reply, code, `${short.join('; ')}.`, { lines: refusal.lines })
    }
    case 'unknown-sku':
      return sendProblem(reply, code, `Unknown: ${refusal.skus.join(', ')}.`, { skus: refusal.skus })
    case 'below-held':
      return sendProblem(reply, code, `${refusal.held} units are held.`, { held: refusal.held })
    case 'extension-limit': {
      const latest = new Date(refusal.expiresAtMsMax).toISOString()
      return sendProblem(reply, code, `Its deadline can be ${latest} at the latest.`, {
        expiresAtMax: latest,
      })
    }
    case 'invalid-request':
      return sendProblem(reply, code, `${refusal.detail ?? refusals[code].title}`)
    case 'store-fenced':
      return sendProblem(reply, code, `${reason ?? 'Redis and MySQL have not been compared yet'}.`)
    case 'holds-paused':
      return sendProblem(reply, code, `${refusal.reason}.`)
    default:
      return sendProblem(reply, code, refusals[code].title)
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
