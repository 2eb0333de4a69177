import { Readable } from 'node:stream'
import type { Viewer } from '../live/live-feed.js'

/** What a client may leave unread, in bytes, beyond what its connection has taken already. */
export const unreadBytesMax = 1024 * 1024

/** The body of an answer that does not end: what happens, for as long as the client reads it. */
export class EventStream extends Readable implements Viewer {
  private hasEnded = false

  constructor(readonly skus: ReadonlySet<string>) {
    super()
  }

  send(event: Buffer): void {
    if (this.destroyed || this.hasEnded) return
    this.push(event)
    // It cannot be told apart from one that is gone, and it comes back by itself.
    if (this.readableLength > unreadBytesMax) this.destroy()
  }

  end(): void {
    if (this.destroyed || this.hasEnded) return
    this.hasEnded = true
    this.push(null)
  }

  /** Whoever has something to tell sends it; nothing is made on demand. */
  override _read(): void {}
}
