import type { Readiness } from './contract.js'

export type PartState = 'good' | 'weak' | 'down'

/** A part of the service as people know it, with what is wrong with it. */
export interface ReadinessPart {
  name: string
  state: PartState
  reasons: string[]
}

/** With these a part does not do its work; with any other it does, and less well than it could. */
const down: ReadonlySet<string> = new Set([
  'unreachable',
  'migrations-missing',
  'fenced',
  'stopping',
  'keys-unknown',
])
const names: Readonly<Record<string, string>> = { redis: 'Redis', mysql: 'MySQL' }
const service = 'Service'

/** Sorts the reasons of a report by the parts they are about; every part is named, also those that work. */
export function partsOf({ reasons, problems, stores }: Readiness): ReadinessPart[] {
  const parts = new Map<string, ReadinessPart>()
  for (const name of ['Redis', 'MySQL', ...Object.keys(stores).map(storeName)]) {
    parts.set(name, { name, state: 'good', reasons: [] })
  }
  reasons.forEach((reason, i) => {
    const problem = problems[i]
    const name =
      problem?.store !== undefined ? storeName(problem.store) : (names[problem?.part ?? ''] ?? service)
    const part = parts.get(name) ?? { name, state: 'good', reasons: [] }
    part.reasons.push(reason)
    part.state = part.state === 'down' || down.has(problem?.problem ?? '') ? 'down' : 'weak'
    parts.set(name, part)
  })
  return [...parts.values()]
}

const storeName = (store: string) => `Store ${store}`

/** What all of it comes to. */
export function verdictOf({ ready, stores }: Readiness): { state: PartState; sentence: string } {
  if (!ready) return { state: 'down', sentence: 'Not selling' }
  const takesHolds = Object.values(stores).every((store) => store.takesHolds)
  return takesHolds ? { state: 'good', sentence: 'Selling' } : { state: 'weak', sentence: 'New holds paused' }
}
