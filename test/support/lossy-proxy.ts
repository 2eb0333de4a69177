import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll } from 'vitest'

/**
 * A connection to a server that can lose an answer: what the client sent arrives and takes effect,
 * and the connection breaks before the reply comes back.
 */
export class LossyProxy {
  private readonly sockets = new Set<Socket>()
  private losing: { after: string; sent: boolean } | undefined

  private constructor(
    private readonly target: URL,
    private readonly server = createServer((client) => this.carry(client)),
  ) {}

  /** It ends with the file. @param url of the server. */
  static async open(url: string): Promise<LossyProxy> {
    const proxy = new LossyProxy(new URL(url))
    proxy.server.listen(0, '127.0.0.1')
    await once(proxy.server, 'listening')
    afterAll(() => {
      for (const socket of proxy.sockets) socket.destroy()
      proxy.server.close()
    })
    return proxy
  }

  /** The server's URL by way of the proxy. */
  get url(): string {
    const url = new URL(this.target.href)
    url.port = String((this.server.address() as AddressInfo).port)
    return url.href
  }

  /** Breaks the connection in place of the first reply to something that holds the text. */
  loseReplyTo(text: string): void {
    this.losing = { after: text, sent: false }
  }

  private carry(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname)
    for (const socket of [client, server]) {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (this.losing && bytes.includes(this.losing.after)) this.losing.sent = true
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (this.losing?.sent) {
        this.losing = undefined
        client.destroy()
      } else client.write(bytes)
    })
  }
}
