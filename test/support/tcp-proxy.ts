import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A server behind a cable that can be pulled: what is connected breaks, what connects is refused. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>()
  private server = this.newServer()
  private port = 0

  private constructor(private readonly target: URL) {}

  /** @param url of the server. */
  static async open(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(url))
    await proxy.plug()
    return proxy
  }

  /** The server's URL by way of the proxy. */
  get url(): string {
    const url = new URL(this.target.href)
    url.port = String(this.port)
    return url.href
  }

  /** Lets connections through again, on the same port. */
  async plug(): Promise<void> {
    if (this.server.listening) return
    this.server = this.newServer()
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }

  async unplug(): Promise<void> {
    if (!this.server.listening) return
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  private newServer() {
    return createServer((client) => {
      const server = connect(Number(this.target.port), this.target.hostname)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.sockets.add(from)
        from.on('error', () => {})
        from.on('close', () => {
          this.sockets.delete(from)
          to.destroy()
        })
        from.pipe(to)
      }
    })
  }
}
