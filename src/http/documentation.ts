import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { storePattern } from '../domain/limits.js'
import { brokenRequestCodes } from './broken-request.js'
import { exampleOf } from './examples.js'
import { challenge } from './problem.js'
import { problemsOf } from './schemas.js'
import { servePages } from './security-headers.js'

/**
 * Describes every route by its own schemas, at `/openapi.json` and, for people, at `/docs`. What all
 * calls have in common is added here and to the document alone, so that no call pays for it.
 */
export async function registerDocumentation(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version,
        description,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'The service that this document comes from.' }],
      tags: [
        { name: 'reservations', description: 'Units held for a customer.' },
        { name: 'stock', description: 'Counts of SKUs.' },
        { name: 'ledger', description: 'Every change, as MySQL holds it.' },
        { name: 'reconciliation', description: 'Redis compared with MySQL, and repair.' },
        { name: 'operation', description: 'For orchestrators and monitors.' },
      ],
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description:
              'An API key, made with `holdfast keys create`. Each call names the scopes of which a key needs one; without `Holdfast-Store` it is about the store of its key. No key is asked for on loopback until the first one is created.',
          },
        },
      },
    },
    transform: ({ schema, url }) => ({ schema: describeCall(schema as CallSchema | undefined, url), url }),
    transformObject: (document) => withOptionalBodies(document),
  })
  await app.register(async (pages) => {
    servePages(pages)
    await pages.register(swaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'Holdfast' },
      // Without the bar in which another document could be named. Its validator would send the address
      // of this service to somebody else's.
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, docExpansion: 'list' },
    })
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}

const description = `Stock reservations that never sell a unit twice.

503 and a lost connection mean that the effect of a call is unknown: repeat it with the same key. Every
refusal is a problem (RFC 9457) whose \`type\` ends in one of the codes named at its call. Any other path
or method: ${problemsOf('not-found')} What is no request at all, whatever its path:
${problemsOf(...brokenRequestCodes)}`

interface CallSchema {
  hide?: boolean
  headers?: { properties: Record<string, object> }
  body?: { examples?: readonly unknown[] }
  response?: Record<string, AnswerSchema>
}

interface AnswerSchema {
  headers?: Record<string, object>
  [keyword: string]: unknown
}

const storeHeader = {
  'Holdfast-Store': {
    type: 'string',
    pattern: storePattern,
    description: 'The store that the call is about; the first one that is served when it is absent.',
    examples: ['main'],
  },
}

const requestIdHeader = {
  type: 'string',
  description: 'Names the call in the log: the one that was sent, or a new one.',
  examples: ['5f0c7a3e-5d1f-4b0e-9a57-0d5c2f1c8a11'],
}

/** Headers of every answer with a status. */
const answerHeaders: Readonly<Record<string, Record<string, object>>> = {
  '401': {
    'WWW-Authenticate': { type: 'string', description: 'How to send a key.', examples: [challenge] },
  },
  '429': {
    'Retry-After': { type: 'string', description: 'Seconds until the minute ends.', examples: ['23'] },
  },
  '503': {
    'Retry-After': { type: 'string', description: 'Seconds to wait before the repeat.', examples: ['1'] },
  },
}

/** Headers of the answers to a call that falls under a limit. */
const limitHeaders = {
  'RateLimit-Policy': {
    type: 'string',
    description:
      'The limits of the call: how many in how many seconds (draft-ietf-httpapi-ratelimit-headers).',
    examples: ['"key";q=600;w=60'],
  },
  RateLimit: {
    type: 'string',
    description: 'What is left of them, and in how many seconds they begin anew; absent where none is set.',
    examples: ['"key";r=599;t=60'],
  },
}

function describeCall(schema: CallSchema | undefined, url: string) {
  if (!schema || schema.hide) return schema ?? {}
  const { headers, body, response } = schema
  const common = { ...(url.startsWith('/v1/') && storeHeader), 'X-Request-Id': requestIdHeader }
  return {
    ...schema,
    headers: { type: 'object', properties: { ...capitalized(headers?.properties), ...common } },
    ...(body && { body: { ...body, examples: body.examples ?? [exampleOf(body)] } }),
    ...(response && { response: describeAnswers(response) }),
  }
}

function describeAnswers(response: Record<string, AnswerSchema>): Record<string, AnswerSchema> {
  const isLimited = '429' in response
  const described = Object.entries(response).map(([status, answer]) => {
    const tellsLimit = isLimited && (status < '300' || status === '429')
    const headers = {
      ...answer.headers,
      ...answerHeaders[status],
      ...(tellsLimit && limitHeaders),
      'X-Request-Id': requestIdHeader,
    }
    return [status, { ...answer, headers }] as const
  })
  return Object.fromEntries(described)
}

/** `idempotency-key` -> `Idempotency-Key`: Node reads names in lower case, people do not. */
function capitalized(properties: Record<string, object> = {}): Record<string, object> {
  const named = Object.entries(properties).map(([name, header]) => [
    name.replace(/(?:^|-)[a-z]/g, (initial) => initial.toUpperCase()),
    header,
  ])
  return Object.fromEntries(named)
}

/** A body of which nothing is required may be left out. */
function withOptionalBodies(document: object): object {
  const { openapiObject } = document as {
    openapiObject: { paths: Record<string, Record<string, Operation>> }
  }
  for (const calls of Object.values(openapiObject.paths)) {
    for (const { requestBody } of Object.values(calls)) {
      if (requestBody && !requestBody.content['application/json']?.schema.required?.length) {
        requestBody.required = false
      }
    }
  }
  return openapiObject
}

interface Operation {
  requestBody?: {
    required: boolean
    content: Record<string, { schema: { required?: readonly string[] } }>
  }
}
