import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Tally } from './checker/checker.js'
import type { FaultKind } from './kinds/fault-kind.js'
import { kinds } from './kinds/kinds.js'
import { type Mutant, mutants } from './mutants.js'
import type { FaultOptions } from './options.js'
import { renderTables } from './report-tables.js'
import type { RoundResult } from './round.js'

const figuresFile = fileURLToPath(new URL('../../docs/faults.json', import.meta.url))
const pageFile = fileURLToPath(new URL('../../docs/faults.md', import.meta.url))

/** What docs/faults.json keeps: of the last whole run, and of the last run of all mutants. */
export interface FaultFigures {
  rounds?: RoundFigures
  mutants?: MutantFigures
}

export interface RoundFigures {
  date: string
  /** Of the first round. */
  seed: number
  tookMinutes: number
  total: Figures
  /** By the number of the kind. */
  kinds: Record<number, Figures>
  /** By the number of the kind, and by the way. */
  ways: Record<number, Record<string, WayTally>>
}

/** How often a way was gone, and how often it broke anything. */
export interface WayTally {
  gone: number
  tookEffect: number
}

export interface Figures {
  rounds: number
  failed: number
  skipped: number
  requests: number
  unanswered: number
  unavailable: number
  ledgerEntries: number
  faults: number
  holds: Tally
  confirms: Tally
  oversold: number
  leaked: number
  drifted: number
  /** The longest that the service took to be ready again. */
  readyMsMax: number
}

export interface MutantFigures {
  date: string
  seed: number
  /** By the name of the mutant: how many rounds it took to catch it; null when it was not caught. */
  caughtAfterRounds: Record<string, number | null>
}

/** Rounds that count as a whole run. */
const roundsMin = 200

/** Gathers the figures of a run, and writes those of a whole one into docs/. */
export class Report {
  private readonly began = performance.now()
  private readonly byKind = new Map(kinds.map(({ number }) => [number, noFigures()]))
  private readonly ways = new Map(kinds.map(({ number, ways }) => [number, noWays(ways)]))
  private readonly caughtAfterRounds: Record<string, number | null> = {}

  /** @param seed of the first round. */
  constructor(
    private readonly options: FaultOptions,
    private readonly seed: number,
  ) {}

  /** Whether it has all rounds of a run of every kind. */
  get isWhole(): boolean {
    const { rounds, skipped } = this.total
    return rounds + skipped >= roundsMin && this.options.kind === undefined && !this.options.short
  }

  private get total(): Figures {
    return [...this.byKind.values()].reduce(sum)
  }

  skip({ number }: FaultKind): void {
    this.of(number).skipped++
  }

  /** A round that came to no end. */
  fail({ number }: FaultKind): void {
    const figures = this.of(number)
    figures.rounds++
    figures.failed++
  }

  add({ number }: FaultKind, result: RoundResult): void {
    const { findings, requests, unanswered, unavailable, ledgerEntries, faults, verdict } = result
    const { holds, confirms, oversold } = verdict
    const { leaked, drifted, readyMs } = result
    const failed = findings.length > 0 ? 1 : 0
    const counted = { requests, unanswered, unavailable, ledgerEntries, faults, holds, confirms, oversold }
    const figures = { ...counted, rounds: 1, failed, skipped: 0, leaked, drifted, readyMsMax: readyMs }
    this.byKind.set(number, sum(this.of(number), figures))
    for (const { way, tookEffect } of result.inflictions) {
      const tally = this.ways.get(number)?.[way]
      if (!tally) throw new Error(`kind ${number} does not name its way ${way}`)
      tally.gone++
      if (tookEffect) tally.tookEffect++
    }
  }

  /** The ways of kinds that were not skipped which broke nothing, as sentences. */
  findUntried(): string[] {
    return kinds
      .filter(({ number }) => this.of(number).skipped === 0)
      .flatMap(({ number, name }) =>
        Object.entries(this.ways.get(number) ?? {})
          .filter(([, { tookEffect }]) => tookEffect === 0)
          .map(([way, { gone }]) => `${name}: ${way}, gone ${gone} times`),
      )
  }

  addMutant({ name }: Mutant, rounds: number | undefined): void {
    this.caughtAfterRounds[name] = rounds ?? null
  }

  /** Prints the sum, and keeps it when it is of a whole run. */
  async write(): Promise<void> {
    const { seed } = this
    const date = new Date().toISOString().slice(0, 10)
    if (this.options.mutants) {
      if (Object.keys(this.caughtAfterRounds).length < mutants.length) return
      return keep({ mutants: { date, seed, caughtAfterRounds: this.caughtAfterRounds } })
    }
    const { total } = this
    for (const { number, name } of kinds) {
      if (this.of(number).rounds > 0) console.log(describeWays(name, this.ways.get(number) ?? {}))
    }
    console.log(describe(total))
    if (!this.isWhole) return
    const tookMinutes = Math.round((performance.now() - this.began) / 60_000)
    const [byKind, ways] = [this.byKind, this.ways].map(Object.fromEntries)
    await keep({ rounds: { date, seed, tookMinutes, total, kinds: byKind, ways } })
  }

  private of(kind: number): Figures {
    return this.byKind.get(kind) as Figures
  }
}

async function keep(figures: FaultFigures): Promise<void> {
  const kept = { ...(await readFigures()), ...figures }
  await writeFile(figuresFile, `${JSON.stringify(kept, null, 2)}\n`)
  await writeFile(pageFile, renderTables(await readFile(pageFile, 'utf8'), kept))
}

export async function readFigures(): Promise<FaultFigures> {
  return JSON.parse(await readFile(figuresFile, 'utf8').catch(() => '{}')) as FaultFigures
}

export function readPage(): Promise<string> {
  return readFile(pageFile, 'utf8')
}

function noWays(ways: readonly string[]): Record<string, WayTally> {
  return Object.fromEntries(ways.map((way) => [way, { gone: 0, tookEffect: 0 }]))
}

/** Which ways of a kind were gone, and how often they took effect. */
function describeWays(name: string, ways: Readonly<Record<string, WayTally>>): string {
  const tried = Object.values(ways).filter(({ tookEffect }) => tookEffect > 0).length
  return [
    `${name}: ${tried} of ${Object.keys(ways).length} ways took effect`,
    ...Object.entries(ways).map(([way, { gone, tookEffect }]) => `  ${way}: ${tookEffect} of ${gone} times`),
  ].join('\n')
}

function noTally(): Tally {
  return { acknowledged: 0, lost: 0, gone: 0 }
}

function noFigures(): Figures {
  return {
    rounds: 0,
    failed: 0,
    skipped: 0,
    requests: 0,
    unanswered: 0,
    unavailable: 0,
    ledgerEntries: 0,
    faults: 0,
    holds: noTally(),
    confirms: noTally(),
    oversold: 0,
    leaked: 0,
    drifted: 0,
    readyMsMax: 0,
  }
}

function sum(a: Figures, b: Figures): Figures {
  const result = { ...a }
  for (const name of Object.keys(a) as (keyof Figures)[]) {
    if (name === 'holds' || name === 'confirms') result[name] = sumTallies(a[name], b[name])
    else if (name === 'readyMsMax') result.readyMsMax = Math.round(Math.max(a.readyMsMax, b.readyMsMax))
    else result[name] = a[name] + b[name]
  }
  return result
}

function sumTallies(a: Tally, b: Tally): Tally {
  const { acknowledged, lost, gone } = a
  return { acknowledged: acknowledged + b.acknowledged, lost: lost + b.lost, gone: gone + b.gone }
}

function describe(total: Figures): string {
  const { rounds, skipped, requests, unanswered, unavailable, faults, holds, confirms } = total
  return [
    `${rounds} rounds${skipped > 0 ? `, ${skipped} SKIPPED` : ''}, ${faults} faults, ${requests} requests`,
    `${unanswered} unanswered, ${unavailable} answered 503`,
    `${holds.acknowledged} holds acknowledged, ${holds.lost} lost, ${holds.gone} gone with a disk`,
    `${confirms.acknowledged} payments acknowledged, ${confirms.lost} lost, ${confirms.gone} gone with a disk`,
    `${total.oversold} units oversold, ${total.leaked} reservations leaked, ${total.drifted} differences`,
    `ready again within ${(total.readyMsMax / 1000).toFixed(1)} s`,
  ].join('; ')
}
