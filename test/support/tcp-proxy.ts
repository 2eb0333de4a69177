import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * What to do with bytes on their way: `pass` them on, `lose` them and the connection, or `keep` them
 * back for ever while the connection stays.
 */
export type Verdict = 'pass' | 'lose' | 'keep'

/** Looks at the bytes that a client or the server has sent on one connection. */
export type Tap = (bytes: Buffer, from: 'client' | 'server', link: Link) => Verdict

/** One connection through the proxy. */
export interface Link {
  client: Socket
  server: Socket
}

/**
 * A server behind a cable: it can be pulled (what is connected breaks, what connects is refused), go
 * silent (nothing arrives and nothing breaks), or lose what a tap chooses.
 */
export class TcpProxy {
  /** Sees all bytes while it is set. */
  tap: Tap | undefined
  private readonly links = new Set<Link>()
  private server = this.newServer()
  private port = 0
  private silent = false

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

  /** How many there are now. */
  get connections(): number {
    return this.links.size
  }

  /** Leads new connections to another server. */
  redirect(url: string): void {
    this.target.port = new URL(url).port
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
    this.cut()
    await closed
  }

  /** Breaks what is connected, but for the `spared` oldest connections; new ones are taken. */
  cut(spared = 0): void {
    for (const link of [...this.links].slice(spared)) destroy(link)
  }

  /** From now on nothing arrives in either direction, and nothing breaks. */
  silence(): void {
    this.silent = true
    for (const { client, server } of this.links) {
      client.pause()
      server.pause()
    }
  }

  /**
   * Ends the silence. What was sent meanwhile arrives, or, with `forgetLinks`, the connections of
   * before stay silent for ever, as after a router that lost its table.
   */
  speak(options: { forgetLinks?: boolean } = {}): void {
    this.silent = false
    for (const { client, server } of options.forgetLinks ? [] : this.links) {
      client.resume()
      server.resume()
    }
  }

  private newServer() {
    return createServer((client) => {
      const server = connect(Number(this.target.port), this.target.hostname)
      const link = { client, server }
      this.links.add(link)
      for (const [from, to, name] of [
        [client, server, 'client'],
        [server, client, 'server'],
      ] as const) {
        from.setNoDelay(true)
        from.on('error', () => {})
        from.on('close', () => {
          this.links.delete(link)
          to.destroy()
        })
        from.on('data', (bytes) => {
          const verdict = this.tap?.(bytes, name, link) ?? 'pass'
          if (verdict === 'pass') to.write(bytes)
          else if (verdict === 'lose') destroy(link)
        })
        if (this.silent) from.pause()
      }
    })
  }
}

function destroy({ client, server }: Link): void {
  client.destroy()
  server.destroy()
}
