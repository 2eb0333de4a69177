import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { writePrivately } from './data-folder.js'

/** The port that served this folder last, if nothing listens on it now; otherwise a free one. */
export async function choosePort(folder: string): Promise<number> {
  const kept = await keptPort(folder)
  const free = kept === undefined ? undefined : await tryListening(kept)
  return free ?? anyFreePort()
}

/** The port that served this folder last. */
export async function keptPort(folder: string): Promise<number | undefined> {
  const kept = Number(await readFile(portFile(folder), 'utf8').catch(() => ''))
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : undefined
}

/** Chosen by the system; another process may take it before it is used, so callers retry. */
export async function anyFreePort(): Promise<number> {
  const port = await tryListening(0)
  if (port === undefined) throw new Error('the system gives no free port on 127.0.0.1')
  return port
}

export async function rememberPort(folder: string, port: number): Promise<void> {
  await writePrivately(portFile(folder), `${port}\n`)
}

function tryListening(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address()
      const taken = typeof address === 'object' && address ? address.port : undefined
      server.close(() => resolve(taken))
    })
  })
}

function portFile(folder: string): string {
  return join(folder, 'port')
}
