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
  const only = values.only?.split(',').filter((name) => name !== '')
  for (const name of only ?? []) {
    if (!known.includes(name)) throw new OptionError(`There is no ${name}; known are ${known.join(', ')}.`)
  }
  return {
    only: only ?? (smoke ? smokeNames : undefined),
    seconds: positive('--seconds', values.seconds, smoke ? 0.4 : 8),
    connections: Math.ceil(positive('--connections', values.connections, smoke ? 8 : 64)),
    passes: Math.ceil(positive('--passes', values.passes, smoke ? 1 : 3)),
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

function positive(name: string, text: string | undefined, standard: number): number {
  if (text === undefined) return standard
  const number = Number(text)
  if (!(number > 0 && number <= 10_000)) {
    throw new OptionError(`${name} must be a number above 0, not "${text}".`)
  }
  return number
}
