import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { eventText } from '../live/event-text.js'
import type { LiveFeed } from '../live/live-feed.js'
import { EventsQuery, StoreEvent, storeEventExample } from './event-schemas.js'
import { EventStream } from './event-stream.js'
import type { Keyring } from './keyring.js'
import { sendRefusal } from './problem.js'
import * as schemas from './schemas.js'

export interface EventRoutesOptions {
  /** Event streams that this process serves at once. */
  eventStreamsMax: number
  feeds: readonly LiveFeed[]
  keyring: Pick<Keyring, 'state' | 'find' | 'afterLook'>
}

/** What happens in a store, as it happens. */
export const eventRoutes: FastifyPluginCallbackTypebox<EventRoutesOptions> = (app, options, done) => {
  /** Those that are open, each with the key it was asked for with. */
  const open = new Map<EventStream, string | undefined>()
  const { keyring } = options

  app.addHook('preClose', (closed) => {
    for (const feed of options.feeds) feed.close()
    closed()
  })

  // What a key may read ends with the key, and its store and its scopes never change.
  keyring.afterLook(() => {
    if (keyring.state !== 'guarded') return
    for (const [stream, authorization] of open) {
      if (keyring.find(authorization)) continue
      stream.send(eventText('unauthorized', {}))
      stream.end()
    }
  })

  app.route({
    method: 'GET',
    url: '/v1/events',
    // It would wait for the end of the events.
    exposeHeadRoute: false,
    config: { scopes: ['console'], endless: true },
    schema: {
      tags: ['operation'],
      operationId: 'followStore',
      summary: 'Follow what happens in a store, as server-sent events',
      description:
        'A `pulse` comes once a second. The client reconnects by itself, also after `closing`; after `unauthorized` it needs another key. A client that does not read is cut off.',
      querystring: EventsQuery,
      response: schemas.answers(
        {
          200: {
            description: 'Events, until one side hangs up.',
            content: { 'text/event-stream': { schema: StoreEvent, example: storeEventExample } },
          },
        },
        ['rate-limited', 'too-many-streams'],
      ),
    },
    handler: (request, reply) => {
      if (open.size >= options.eventStreamsMax) return sendRefusal(reply, { refused: 'too-many-streams' })
      const { skus } = request.query
      const stream = new EventStream(new Set(skus?.split(',')))
      const { live } = request.store
      if (!live.add(stream)) return sendRefusal(reply, { refused: 'stopping' })
      open.set(stream, request.headers.authorization)
      stream.once('close', () => {
        open.delete(stream)
        live.remove(stream)
      })
      return (
        reply
          .header('content-type', 'text/event-stream')
          .header('cache-control', 'no-store')
          // nginx would gather events.
          .header('x-accel-buffering', 'no')
          // What has streamed is not used again, so that a server that stops need not wait for it.
          .header('connection', 'close')
          .send(stream)
      )
    },
  })

  done()
}
