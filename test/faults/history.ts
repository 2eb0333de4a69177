import { createWriteStream, type WriteStream } from 'node:fs'

/** What a client asks for. Every change can be repeated: it names its effect. */
export type Call =
  | { verb: 'reserve'; key: string; customerId: string; lines: CartLine[]; ttlSeconds: number }
  | { verb: 'confirm'; id: string; paymentRef: string; ifExpired: 'refuse' | 'reacquire' }
  | { verb: 'release'; id: string }
  | { verb: 'extend'; id: string; ttlSeconds: number }
  | { verb: 'read'; id: string }
  | { verb: 'stock'; sku: string }
  | { verb: 'list' }
  | { verb: 'set'; sku: string; onHand: number }
  | { verb: 'adjust'; key: string; sku: string; quantity: number }

export interface CartLine {
  sku: string
  quantity: number
}

/** What came back. */
export interface Reply {
  status: number
  /** The ledger entry right after which the answer is true, `epoch-sequence`. */
  position: string | undefined
  replayed: boolean
  /** The headers `content-type` and `retry-after`. */
  contentType: string | undefined
  retryAfter: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the checker reads the fields that the contract names.
  body: any
}

/**
 * A call and what became of it. Without a reply it is unknown whether, and when, it takes effect;
 * `unsent` says that no connection was made, so that it has none.
 */
export interface Event {
  number: number
  /** Which instance of the API was asked. */
  api: number
  call: Call
  /** Milliseconds since 1970 by a clock that is never set: the order of events is real. */
  startMs: number
  /** Absent while the call is under way, and for ever when it was not answered. */
  endMs?: number
  reply?: Reply
  /** Why there is no reply. */
  lost?: string
  unsent?: boolean
}

/** Every call of a round with its reply, in memory for the checker and as NDJSON for people. */
export class History {
  readonly events: Event[] = []
  private readonly file: WriteStream

  constructor(path: string) {
    this.file = createWriteStream(path)
  }

  begin(api: number, call: Call): Event {
    const event: Event = { number: this.events.length, api, call, startMs: nowMs() }
    this.events.push(event)
    return event
  }

  /** Writes an event that has got its reply, or will not get one. */
  settle(event: Event): void {
    if (!this.file.writableEnded) this.file.write(`${JSON.stringify(event)}\n`)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.file.end(resolve))
  }
}

/** The wall clock as it was when this process started, and from then on by the monotonic clock. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
