import type { FastifyReply, FastifyRequest } from 'fastify'
import { idempotencyKeyPattern } from '../domain/limits.js'
import { sendProblem } from './problem.js'

const pattern = new RegExp(idempotencyKeyPattern)

/** Documents the header; its form is checked by `checkIdempotencyKey`. */
export const idempotencyKeyHeader = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      description:
        'Names the effect of the call, 1 to 255 printable ASCII characters: a repeat has no second one.',
      examples: ['order-1212'],
    },
  },
} as const

/** Refuses a key that is not printable ASCII of 1 to 255 characters. */
export function checkIdempotencyKey(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const key = request.headers['idempotency-key']
  if (key === undefined || pattern.test(String(key))) done()
  else sendProblem(reply, 'invalid-request', 'Idempotency-Key must be 1 to 255 printable ASCII characters.')
}

export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  return request.headers['idempotency-key'] as string | undefined
}
