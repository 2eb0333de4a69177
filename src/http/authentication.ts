import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.js'

export interface ApiKeyHash {
  name: string
  sha256: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The key the call was made with; undefined where none is asked for. */
    apiKey: { name: string } | undefined
  }
}

/**
 * Asks for `Authorization: Bearer KEY`. Keys are known by their SHA-256 only, and every one of them
 * is compared in constant time, so that the time of an answer tells nothing.
 */
export function authenticator(keys: readonly ApiKeyHash[]) {
  const known = keys.map(({ name, sha256 }) => ({ apiKey: { name }, hash: Buffer.from(sha256, 'hex') }))
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const hash = createHash('sha256').update(given).digest()
    for (const candidate of known) {
      if (timingSafeEqual(candidate.hash, hash)) request.apiKey = candidate.apiKey
    }
    if (request.apiKey) done()
    else sendProblem(reply, 'unauthorized', 'Send Authorization: Bearer KEY.')
  }
}
