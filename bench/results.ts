import type { ScriptSample } from './limits/script-limit.js'
import type { Sample } from './sample.js'

export type Group = 'limit' | 'product' | 'peer'

/** All passes of one name. */
export interface Measured<S> {
  name: string
  about: string
  group: Group
  passes: S[]
}

/** Everything a run found; what is absent was not asked for, or skipped. */
export interface Results {
  samples: Measured<Sample>[]
  scripts: Measured<ScriptSample>[]
  skipped: { name: string; reason: string }[]
}

/** The middle of the values that are there; the mean of the two middle ones of an even number. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined && !Number.isNaN(value)) as number[]
  if (sorted.length === 0) return undefined
  sorted.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** The median over the passes of what a sample says; undefined when none says it. */
export function medianOf<S>(
  measured: Measured<S> | undefined,
  figure: (sample: S) => number | undefined,
): number | undefined {
  return median((measured?.passes ?? []).map(figure))
}

/** The largest over the passes of what a sample says; undefined when there is no pass. */
export function worstOf<S>(
  measured: Measured<S> | undefined,
  figure: (sample: S) => number,
): number | undefined {
  return measured && Math.max(...measured.passes.map(figure))
}

/** The median over the passes of what two samples of one pass say together. */
export function medianOfPairs<A, B>(
  a: Measured<A> | undefined,
  b: Measured<B> | undefined,
  figure: (a: A, b: B) => number | undefined,
): number | undefined {
  return median(
    (a?.passes ?? []).map((sample, pass) => {
      const other = b?.passes[pass]
      return other === undefined ? undefined : figure(sample, other)
    }),
  )
}
