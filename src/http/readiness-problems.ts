/** The parts of the service that readiness tells about. */
export const readinessParts = ['redis', 'mysql', 'store', 'service'] as const

/** What can be the matter with a part. With the first five it does not do its work; with the others it does. */
export const readinessProblems = [
  'unreachable',
  'migrations-missing',
  'fenced',
  'keys-unknown',
  'stopping',
  'settings-unknown',
  'may-evict',
  'no-maxmemory',
  'append-only-off',
  'fsync-not-always',
  'no-fsync-on-rewrite',
  'commit-not-flushed',
  'binlog-not-synced',
  'holds-paused',
  'standstill',
  'quarantined',
] as const

type ProblemName = (typeof readinessProblems)[number]

export interface ReadinessProblem {
  part: (typeof readinessParts)[number]
  problem: ProblemName
  /** The store it is about, if it is one. */
  store?: string
}

/** What an inspection comes upon: in sentences for people and in words for programs, in the same order. */
export class Findings {
  readonly reasons: string[] = []
  readonly problems: ReadinessProblem[] = []

  /** @param part of the service, but for a store. */
  add(part: Exclude<ReadinessProblem['part'], 'store'>, problem: ProblemName, sentence: string): void {
    this.reasons.push(sentence)
    this.problems.push({ part, problem })
  }

  addOfStore(store: string, problem: ProblemName, sentence: string): void {
    this.reasons.push(sentence)
    this.problems.push({ part: 'store', problem, store })
  }
}
