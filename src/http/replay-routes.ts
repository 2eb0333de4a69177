import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { ReplayParams, ReplayProgress } from './event-schemas.js'
import { sendRefusal } from './problem.js'
import * as schemas from './schemas.js'

export type ReplayState = Static<typeof ReplayProgress>

/** Replays of the 12.12 sale, one at a time. */
export interface Replays {
  /** @returns its state, or undefined when one goes on. */
  start(): ReplayState | undefined
  /** The newest one, which goes on or is done. */
  readonly newest: ReplayState | undefined
  /** Calls back whenever the state has changed. */
  follow(changed: (state: ReplayState) => void): void
}

export interface ReplayRoutesOptions {
  /** Absent where the service runs a store of somebody's own. */
  replays?: Replays | undefined
}

const tags = ['operation']
const scopes = ['console'] as const

/** The demonstration: a sale through the naive checkout and through Holdfast. */
export const replayRoutes: FastifyPluginCallbackTypebox<ReplayRoutesOptions> = (app, { replays }, done) => {
  app.route({
    method: 'POST',
    url: '/v1/replays',
    config: { scopes },
    schema: {
      tags,
      operationId: 'startReplay',
      summary: 'Replay the 12.12 sale, without Holdfast and with it, in a store of its own',
      description:
        'It takes some 15 seconds and is removed afterwards. Its progress is told by the event stream too.',
      body: schemas.ReleaseBody,
      response: schemas.answers({ 202: schemas.answer(ReplayProgress, 'It has begun.') }, [
        'rate-limited',
        'body-too-large',
        'unsupported-media-type',
        'replay-unavailable',
        'replay-running',
      ]),
    },
    handler: async (_request, reply) => {
      if (!replays) return sendRefusal(reply, { refused: 'replay-unavailable' })
      const state = replays.start()
      return state ? reply.code(202).send(state) : sendRefusal(reply, { refused: 'replay-running' })
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/replays/:id',
    config: { scopes },
    schema: {
      tags,
      operationId: 'readReplay',
      summary: 'Read how far the newest replay is, or how it ended',
      description: 'Only the newest one is kept, for as long as the service runs.',
      params: ReplayParams,
      response: schemas.answers({ 200: schemas.answer(ReplayProgress, 'Its state.') }, [
        'rate-limited',
        'unknown-replay',
      ]),
    },
    handler: async (request, reply) => {
      const newest = replays?.newest
      return newest?.id === request.params.id ? newest : sendRefusal(reply, { refused: 'unknown-replay' })
    },
  })

  done()
}
