import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { ConsoleInfo } from './event-schemas.js'
import * as schemas from './schemas.js'

export interface ConsoleRoutesOptions {
  version: string
  storeNames: readonly string[]
  hasReplays: boolean
}

/** What the console's page has to know before it shows anything. */
export const consoleRoutes: FastifyPluginCallbackTypebox<ConsoleRoutesOptions> = (app, options, done) => {
  const { version, storeNames, hasReplays } = options

  app.route({
    method: 'GET',
    url: '/v1/console',
    config: { scopes: ['console'] },
    schema: {
      tags: ['operation'],
      operationId: 'readConsole',
      summary: 'Read what the console can do here, by the key of the call',
      description: 'The page asks it first, also whether its key is valid.',
      response: schemas.answers(
        { 200: schemas.answer(ConsoleInfo, 'What there is, and what the key may do.') },
        ['rate-limited'],
      ),
    },
    handler: async (request) => ({
      version,
      // To a key of one store there are no others.
      stores: request.apiKey?.store === undefined ? [...storeNames] : [request.apiKey.store],
      store: request.store.reader.store,
      replay: hasReplays,
      keyName: request.apiKey?.name ?? null,
      scopes: [...(request.apiKey?.scopes ?? ['admin' as const])],
    }),
  })

  done()
}
