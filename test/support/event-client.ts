import { createParser } from 'eventsource-parser'
import { expect } from 'vitest'
import type { Pulse } from '../../src/live/live-feed.js'
import { afterEachTest } from './endings.js'
import { eventually } from './test-store.js'

export interface ReceivedEvent {
  name: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields the contract names.
  data: any
}

const open = new Set<EventClient>()

afterEachTest.push(() => {
  for (const client of open) client.close()
})

/** Reads an event stream as the console does: `fetch`, a reader, and a parser of server-sent events. */
export class EventClient {
  readonly events: ReceivedEvent[] = []
  readonly openedMs = Date.now()
  /** Resolves when the stream has ended, whichever side ended it. */
  readonly ended: Promise<'by the server' | 'broken'>
  private readonly closing = new AbortController()

  private constructor(readonly response: Response) {
    this.ended = this.read().then(
      () => 'by the server' as const,
      () => 'broken' as const,
    )
    open.add(this)
  }

  /** @param url of the API's listener. */
  static async open(
    url: string,
    skus: readonly string[] = [],
    headers: Record<string, string> = {},
  ): Promise<EventClient> {
    const closing = new AbortController()
    const response = await fetch(`${url}/v1/events${skus.length > 0 ? `?skus=${skus}` : ''}`, {
      headers,
      signal: closing.signal,
    })
    expect(response.status).toBe(200)
    const client = new EventClient(response)
    client.closing.signal.addEventListener('abort', () => closing.abort())
    return client
  }

  /** The data of the events of a name so far. */
  of(name: string): ReceivedEvent['data'][] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data)
  }

  /** Resolves with the first event that a condition holds for, once it is there. */
  async first(name: string, is: (data: ReceivedEvent['data']) => boolean = () => true) {
    await eventually(() => this.of(name).some(is), `there is such an event ${name}`)
    return this.of(name).find(is)
  }

  /** The newest counts of a SKU. */
  counts(sku: string): { available: number; held: number; sold: number; onHand: number } | undefined {
    const items = this.of('stock').flatMap(({ items }) => items)
    return items.filter((item) => item.sku === sku).at(-1)
  }

  /** What the pulses say has happened since the stream began. */
  sums(): Record<string, number> {
    return sumPulses(this.of('pulse'), this.openedMs)
  }

  close(): void {
    open.delete(this)
    this.closing.abort()
  }

  private async read(): Promise<void> {
    const parser = createParser({
      onEvent: ({ event = '', data }) => this.events.push({ name: event, data: JSON.parse(data) }),
    })
    const decoder = new TextDecoder()
    for await (const bytes of this.response.body as unknown as AsyncIterable<Uint8Array>) {
      parser.feed(decoder.decode(bytes, { stream: true }))
    }
  }
}

/** A pulse stands for the whole seconds since the one before it: one, unless the process had no time. */
function sumPulses(pulses: readonly Pulse[], beganMs: number): Record<string, number> {
  const sums: Record<string, number> = {}
  let beforeMs = beganMs
  for (const { at, perSecond } of pulses) {
    const seconds = Math.max(1, Math.round((Date.parse(at) - beforeMs) / 1000))
    beforeMs = Date.parse(at)
    for (const [name, rate] of Object.entries(perSecond)) sums[name] = (sums[name] ?? 0) + seconds * rate
  }
  return sums
}
