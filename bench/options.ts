import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Names to measure; undefined: all. */
  only: readonly string[] | undefined
  /** Of one measurement. */
  seconds: number
  /** Open at once in most workloads; `hot-sku-512` takes 8 times, `overload` 10 times as many. */
  connections: number
  passes: number
  /** A run of a few seconds whose figures mean nothing: it shows that the benchmark works. */
  smoke: boolean
}

const standard = { seconds: 5, connections: 64, passes: 3 }
const tiny = { seconds: 0.4, connections: 8, passes: 1 }
const optionMax = 1000

/** Whether a run is thorough enough, and standard enough, to replace the published figures. */
export function isPublishable({ only, smoke, seconds, connections, passes }: BenchOptions): boolean {
  const isWhole = only === undefined && !smoke
  return (
    isWhole &&
    seconds >= standard.seconds &&
    connections === standard.connections &&
    passes >= standard.passes
  )
}

/** Arguments that cannot be used; the message is one sentence. */
export class OptionError extends Error {}

/**
 * @param known what may be named.
 * @param smokeNames what a smoke run measures.
 * @throws OptionError
 */
export function readOptions(
  args: readonly string[],
  known: readonly string[],
  smokeNames: readonly string[],
): BenchOptions {
  const values = parse(args)
  const smoke = values.smoke === true
  const preset = smoke ? tiny : standard
  const only = values.only?.split(',').filter((name) => name !== '')
  if (only?.length === 0) throw new OptionError(`--only takes names; known are ${known.join(', ')}.`)
  for (const name of only ?? []) {
    if (!known.includes(name)) throw new OptionError(`There is no ${name}; known are ${known.join(', ')}.`)
  }
  return {
    only: only ?? (smoke ? smokeNames : undefined),
    seconds: positive('--seconds', values.seconds, preset.seconds),
    connections: positiveInteger('--connections', values.connections, preset.connections),
    passes: positiveInteger('--passes', values.passes, preset.passes),
    smoke,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        seconds: { type: 'string' },
        connections: { type: 'string' },
        passes: { type: 'string' },
        smoke: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error))
  }
}

function positive(name: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset
  const number = Number(text)
  if (!(number > 0 && number <= optionMax)) {
    throw new OptionError(`${name} must be a number above 0 and at most ${optionMax}, not "${text}".`)
  }
  return number
}

function positiveInteger(name: string, text: string | undefined, preset: number): number {
  const number = positive(name, text, preset)
  if (!Number.isInteger(number)) throw new OptionError(`${name} must be a whole number, not "${text}".`)
  return number
}
