import { afterAll } from 'vitest'
import { TcpProxy } from './tcp-proxy.js'

/**
 * A connection to a server that can lose an answer: what the client sent arrives and takes effect,
 * and the connection breaks before the reply comes back.
 */
export class LossyProxy {
  private constructor(private readonly proxy: TcpProxy) {}

  /** It ends with the file. @param url of the server. */
  static async open(url: string): Promise<LossyProxy> {
    const proxy = await TcpProxy.open(url)
    afterAll(() => proxy.unplug())
    return new LossyProxy(proxy)
  }

  /** The server's URL by way of the proxy. */
  get url(): string {
    return this.proxy.url
  }

  /** Breaks the connection in place of the first reply to something that holds the text. */
  loseReplyTo(text: string): void {
    let sent = false
    this.proxy.tap = (bytes, from) => {
      if (from === 'client') {
        if (bytes.includes(text)) sent = true
        return 'pass'
      }
      if (!sent) return 'pass'
      this.proxy.tap = undefined
      return 'lose'
    }
  }
}
