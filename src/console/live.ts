import { batch, computed, effect, signal, untracked } from '@preact/signals'
import { announce } from './announcer.js'
import { call, isDefinite } from './api-client.js'
import type {
  History,
  Problem,
  Pulse,
  Readiness,
  ReconciliationProgress,
  ReplayProgress,
  Stock,
  StockChanges,
} from './contract.js'
import { EventStream, type StreamState } from './event-stream.js'
import { apiKey, epoch, keyRefusal, storeName, storeRefusal } from './session.js'

/** Pulses that are kept and drawn, one a second. */
export const pulsesMax = 300

/** What the service said about the last minutes, the oldest first. */
export const pulses = signal<readonly Pulse[]>([])
export const readiness = signal<Readiness | undefined>(undefined)
/** The newest counts of the SKUs that are watched. */
export const stock = signal<ReadonlyMap<string, Stock>>(new Map())
export const reconciliation = signal<ReconciliationProgress | undefined>(undefined)
export const replay = signal<ReplayProgress | undefined>(undefined)

export const streamState = signal<StreamState>('connecting')
/** Why there is no stream, when the service said so. */
export const streamProblem = signal<Problem | undefined>(undefined)
/** Since when nothing is heard; undefined while the stream is open. */
export const lostAt = signal<Date | undefined>(undefined)

export const newestPulse = computed(() => pulses.value.at(-1))

const watched = signal<readonly string[]>([])

/** Names the SKUs that are seen: only these are sent. */
export function watch(skus: readonly string[]): void {
  if (skus.join() === untracked(() => watched.value).join()) return
  batch(() => {
    watched.value = skus
    stock.value = new Map()
  })
}

const stream = new EventStream({
  onState(state, problem) {
    batch(() => {
      streamProblem.value = problem
      if (state === 'lost') {
        if (!lostAt.value) announce('The connection to the service is lost.')
        lostAt.value ??= new Date()
      }
      if (state === 'open' && lostAt.value) {
        lostAt.value = undefined
        announce('The connection to the service is back.')
        // What happened meanwhile was not heard.
        epoch.value++
      }
      // A stream that follows another one, or a lost one, is worth no word until it is open.
      if (state !== 'connecting') streamState.value = state
    })
  },
  onEvent(name, data) {
    handlers[name]?.(data as never)
  },
})

const handlers: Readonly<Record<string, (data: never) => void>> = {
  history: ({ pulses: earlier }: History) => {
    const first = earlier[0]?.at
    // Another process may know less of the past than this page has seen.
    const seen = first === undefined ? pulses.value : pulses.value.filter(({ at }) => at < first)
    pulses.value = [...seen, ...earlier].slice(-pulsesMax)
    // What goes on is told next; anything else has ended unheard, maybe with its process.
    if (reconciliation.value?.done === false) reconciliation.value = undefined
    if (replay.value?.done === false) void readReplay(replay.value.id)
  },
  pulse: (pulse: Pulse) => {
    batch(() => {
      const newest = pulses.value.at(-1)
      if (!newest || newest.at < pulse.at) pulses.value = [...pulses.value.slice(1 - pulsesMax), pulse]
      if (pulse.readiness) readiness.value = pulse.readiness as Readiness
    })
  },
  stock: ({ items }: StockChanges) => {
    const counts = new Map(stock.value)
    for (const item of items) counts.set(item.sku, item)
    stock.value = counts
  },
  reconciliation: (progress: ReconciliationProgress) => {
    reconciliation.value = progress
  },
  replay: (progress: ReplayProgress) => {
    replay.value = progress
  },
}

async function readReplay(id: string): Promise<void> {
  const answer = await call<ReplayProgress>('GET', `v1/replays/${encodeURIComponent(id)}`)
  if (replay.value?.id !== id || replay.value.done) return
  if (answer.ok) replay.value = answer.body
  else if (isDefinite(answer.problem)) replay.value = undefined
}

/** A page that nobody sees for this long lets go of its stream: browsers allow a site only six. */
const hiddenMsMax = 30_000

/** Keeps one stream open for as long as the page is seen: about the watched SKUs, by the key that is given. */
export function followService(): void {
  const isHidden = signal(document.hidden)
  let hiding: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => {
        isHidden.value = true
      }, hiddenMsMax)
    } else if (isHidden.value) {
      isHidden.value = false
      // What happened meanwhile was not heard.
      epoch.value++
    }
  })
  let opening: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const skus = watched.value
    const isWanted = !isHidden.value && keyRefusal.value === undefined && storeRefusal.value === undefined
    // Another key begins another stream; another store has another past, too.
    void apiKey.value
    if (storeName.value !== seenStore) forget(storeName.value)
    clearTimeout(opening)
    if (!isWanted) stream.close()
    // Views that follow each other quickly share one.
    else opening = setTimeout(() => stream.open(skus), openingMs)
  })
}

const openingMs = 60

let seenStore = storeName.value

function forget(store: string | undefined): void {
  seenStore = store
  untracked(() =>
    batch(() => {
      pulses.value = []
      readiness.value = undefined
      reconciliation.value = undefined
    }),
  )
}
