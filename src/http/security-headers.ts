import type { FastifyInstance } from 'fastify'

/*
 * Holdfast speaks plain HTTP behind a proxy that ends TLS. Strict-Transport-Security is that proxy's to
 * send: over plain HTTP it must not be (RFC 6797, section 7.2).
 */

/** Of every answer: it is data, it is not to be kept, and a browser is to make nothing else of it. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
} as const

/**
 * Of pages and what they load: nothing but the service's own files and calls, no inline script or style,
 * in no frame. Otherwise what helmet sends by default.
 */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
} as const

/** Gives the routes of this scope, and of no other, the headers of pages. */
export function servePages(scope: FastifyInstance): void {
  scope.addHook('onRequest', (_request, reply, done) => {
    reply.headers(pageHeaders)
    done()
  })
}
