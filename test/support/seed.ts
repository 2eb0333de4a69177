/**
 * The seed of this run's random tests. A failure prints it; `HOLDFAST_SEED` brings the same choices
 * back.
 */
export const seed = Number(process.env.HOLDFAST_SEED ?? Math.floor(Math.random() * 2 ** 31))

export const seedHint = `random choices of HOLDFAST_SEED=${seed}`

/** Numbers from 0 to 1 that the seed determines (mulberry32). */
export function randomNumbers(from = seed): () => number {
  let state = from | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
