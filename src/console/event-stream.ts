import { createParser } from 'eventsource-parser'
import { callHeaders, readProblem } from './api-client.js'
import type { Problem } from './contract.js'

export type StreamState = 'connecting' | 'open' | 'lost'

export interface StreamListener {
  onState(state: StreamState, problem: Problem | undefined): void
  /** @param data parsed JSON. */
  onEvent(name: string, data: unknown): void
}

/** A stream that says nothing for this long, not even its heartbeat each 15 s, is dead. */
const silenceMsMax = 20_000
const pauseMsMin = 500
const pauseMsMax = 10_000

/**
 * The service's events, read with `fetch` because EventSource sends no Authorization. It reconnects by
 * itself, with pauses that grow and are never quite alike, so that the pages of many do not all come
 * back in one moment.
 */
export class EventStream {
  private aborter: AbortController | undefined
  private watched: readonly string[] = []
  private failures = 0

  constructor(private readonly listener: StreamListener) {}

  /** Begins a stream about these SKUs, in place of the one before. */
  open(watched: readonly string[]): void {
    this.watched = watched
    this.failures = 0
    this.close()
    this.aborter = new AbortController()
    void this.run(this.aborter.signal)
  }

  close(): void {
    this.aborter?.abort()
    this.aborter = undefined
  }

  private async run(closed: AbortSignal): Promise<void> {
    while (!closed.aborted) {
      const problem = await this.read(closed).catch(() => undefined)
      if (closed.aborted) return
      this.listener.onState('lost', problem)
      // Another key opens a new stream; this one would be refused again.
      if (problem?.status === 401 || problem?.status === 403) return
      await pause(this.pauseMs(), closed)
    }
  }

  /** Resolves when the stream ends. @returns why it did not begin. */
  private async read(closed: AbortSignal): Promise<Problem | undefined> {
    this.listener.onState('connecting', undefined)
    const silence = new AbortController()
    const onSilence = () => silence.abort()
    let timer = setTimeout(onSilence, silenceMsMax)
    try {
      const response = await fetch(`v1/events${skusQuery(this.watched)}`, {
        headers: { ...callHeaders(), accept: 'text/event-stream' },
        cache: 'no-store',
        signal: AbortSignal.any([closed, silence.signal]),
      })
      if (!response.ok || !response.body) return await readProblem(response)
      this.failures = 0
      this.listener.onState('open', undefined)
      const parser = createParser({
        onEvent: ({ event = 'message', data }) => this.listener.onEvent(event, JSON.parse(data)),
      })
      const decoder = new TextDecoder()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done || closed.aborted) return undefined
        clearTimeout(timer)
        timer = setTimeout(onSilence, silenceMsMax)
        parser.feed(decoder.decode(value, { stream: true }))
      }
    } finally {
      clearTimeout(timer)
    }
  }

  private pauseMs(): number {
    const longest = Math.min(pauseMsMax, pauseMsMin * 2 ** this.failures)
    this.failures++
    return longest * (0.5 + Math.random() / 2)
  }
}

function skusQuery(skus: readonly string[]): string {
  return skus.length === 0 ? '' : `?skus=${skus.map(encodeURIComponent).join(',')}`
}

function pause(ms: number, closed: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    closed.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
