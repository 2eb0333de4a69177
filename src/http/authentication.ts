import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.js'

export interface ApiKeyHash {
  name: string
  sha256: string
}

/**
 * Asks for `Authorization: Bearer KEY`. Keys are known by their SHA-256 only, and every one of them
 * is compared in constant time, so that the time of an answer tells nothing.
 */
export function authenticator(keys: readonly ApiKeyHash[]) {
  const hashes = keys.map((key) => Buffer.from(key.sha256, 'hex'))
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const given = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const hash = createHash('sha256').update(given).digest()
    let known = false
    for (const candidate of hashes) known = timingSafeEqual(candidate, hash) || known
    if (known) done()
    else sendProblem(reply, 'unauthorized', 'Send Authorization: Bearer KEY.')
  }
}
