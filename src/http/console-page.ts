import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

/**
 * Serves the built page of the console at `/`. The files are public; what they show is not. Without
 * them `/` leads to the description of the API.
 */
export async function registerConsolePage(app: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'))
    return
  }
  await app.register(fastifyStatic, {
    root: folder,
    // A route for each file, so that any other path is answered as ever.
    wildcard: false,
    decorateReply: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      // The names of the other files tell their content.
      const isIndex = basename(path) === 'index.html'
      reply.header('cache-control', isIndex ? 'no-cache' : 'public, max-age=31536000, immutable')
    },
  })
}
