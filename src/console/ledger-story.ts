import { signal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { type Answer, call } from './api-client.js'
import type { LedgerEntry, LedgerPage, Problem } from './contract.js'
import { epoch } from './session.js'

export type About = { sku: string } | { reservationId: string }

/** Entries read at once: as many as the service gives. */
const pageEntriesMax = 500
/** The page keeps no more of one story. */
const entriesMax = 10_000

/** What the ledger tells of a SKU or a reservation, as far as it was read: the newest first. */
export class LedgerStory {
  /** Undefined until the newest ones were read. */
  readonly entries = signal<readonly LedgerEntry[] | undefined>(undefined)
  readonly problem = signal<Problem | undefined>(undefined)
  /** Whether there are older ones than those read. */
  readonly hasOlder = signal(false)
  private isReading = false

  constructor(private readonly about: About) {}

  /** Reads what has been written since, or the newest entries the first time. */
  catchUp(): Promise<void> {
    return this.alone(async () => {
      const newest = this.entries.peek()?.[0]
      if (!newest) return this.readFirst()
      let after: string | null = newest.position
      while (after !== null) {
        const page = await this.read({ order: 'oldest', after })
        if (!page) return
        const entries = [...page.items.reverse(), ...(this.entries.peek() ?? [])]
        this.keep(entries, this.hasOlder.peek())
        after = page.nextCursor
      }
    })
  }

  readOlder(): Promise<void> {
    return this.alone(async () => {
      const entries = this.entries.peek() ?? []
      const page = await this.read({ order: 'newest', after: entries.at(-1)?.position ?? '' })
      if (page) this.keep([...entries, ...page.items], page.nextCursor !== null)
    })
  }

  private async readFirst(): Promise<void> {
    const page = await this.read({ order: 'newest' })
    if (page) this.keep(page.items, page.nextCursor !== null)
  }

  private keep(entries: readonly LedgerEntry[], hasOlder: boolean): void {
    this.entries.value = entries.slice(0, entriesMax)
    this.hasOlder.value = hasOlder && entries.length < entriesMax
  }

  private async read(parameters: Readonly<Record<string, string>>): Promise<LedgerPage | undefined> {
    const query = new URLSearchParams({ ...this.about, ...parameters, limit: String(pageEntriesMax) })
    const answer: Answer<LedgerPage> = await call('GET', `v1/ledger?${query}`)
    this.problem.value = answer.ok ? undefined : answer.problem
    return answer.ok ? answer.body : undefined
  }

  /** One reading at a time: what is asked for meanwhile is asked for again by the next change. */
  private async alone(read: () => Promise<void>): Promise<void> {
    if (this.isReading) return
    this.isReading = true
    await read().finally(() => {
      this.isReading = false
    })
  }
}

/** When to look after a change: MySQL holds it a moment after Redis does, or later when it is behind. */
const lookMs = [400, 1600, 6000]

/**
 * The story of a SKU or a reservation, followed while it is seen.
 *
 * @param change differs after each change of what the story is about.
 */
export function useLedgerStory(about: About, change: unknown): LedgerStory {
  const name = JSON.stringify(about)
  const story = useMemo(() => new LedgerStory(JSON.parse(name) as About), [name])
  const looks = useRef<number[]>([])
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const turn = epoch.value
  useEffect(() => void story.catchUp(), [story, turn])
  useEffect(() => () => clearTimeout(timer.current), [story])
  const text = JSON.stringify(change)
  useEffect(() => {
    if (text === undefined) return
    looks.current = [...lookMs]
    const look = () => {
      timer.current = undefined
      void story.catchUp()
      next()
    }
    const next = () => {
      const ms = looks.current.shift()
      if (timer.current === undefined && ms !== undefined) timer.current = setTimeout(look, ms)
    }
    if (timer.current === undefined) next()
  }, [story, text])
  return story
}
