import { createServer } from 'node:net'

/** Below what the system gives to connections and to servers that ask for any port. */
const lowest = 20_000
const highest = 31_999

let next = lowest + (process.pid % 100) * 100

/**
 * A port for one instance of the API, given once in a run. Nobody takes it while the instance is killed or
 * restarted: its shoppers would buy in another round's store.
 */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = next
    next = next === highest ? lowest : next + 1
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
