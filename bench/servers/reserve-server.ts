import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { openBare } from '../limits/bare.js'
import { openBareScript } from '../limits/bare-script.js'
import { buildReserveApp } from './reserve-app.js'
import type { OpenReserver, Reserver } from './reserver.js'

/*
 * A process that serves the reserve route in front of one limit or one peer, named by its argument:
 * `bare`, `bare-script`, or the path of a peer's module. Beside it, stock is set and read as in the
 * product, with nothing checked. It tells its address over IPC.
 */
async function main(name: string): Promise<void> {
  const reserver = await open(name)
  const app = buildReserveApp(reserver.reserve)
  app.put<{ Params: { sku: string }; Body: { onHand: number } }>('/v1/stock/:sku', async (request) => {
    await reserver.setStock(request.params.sku, request.body.onHand)
    return {}
  })
  app.get<{ Params: { sku: string } }>('/v1/stock/:sku', async (request) => ({
    available: await reserver.available(request.params.sku),
  }))
  // With the product's backlog.
  await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
  process.send?.(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  // Whoever measures us is gone.
  process.once('disconnect', () => process.exit(1))
  process.once('SIGTERM', async () => {
    app.server.closeAllConnections()
    await app.close()
    await reserver.close()
    process.exit(0)
  })
}

async function open(name: string): Promise<Reserver> {
  const servers = {
    redisUrl: process.env.REDIS_URL ?? '',
    databaseUrl: process.env.DATABASE_URL ?? '',
    postgresUrl: process.env.POSTGRES_URL ?? '',
  }
  if (name === 'bare') return openBare()
  if (name === 'bare-script') return openBareScript(servers)
  const peer = (await import(pathToFileURL(name).href)) as { open: OpenReserver }
  return peer.open(servers)
}

await main(process.argv[2] ?? '')
