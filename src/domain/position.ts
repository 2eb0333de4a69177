/**
 * The place of an entry in a store's ledger. The sequence is dense over the life of the store; the
 * epoch rises when Redis is restored, so that an entry written after a loss can never be mistaken
 * for the one that was lost.
 */
export interface Position {
  epoch: number
  sequence: number
}

/** Before the first entry of a store. */
export const origin: Position = { epoch: 0, sequence: 0 }

/** Negative when `a` comes before `b`, 0 when they are the same, positive when it comes after. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.sequence - b.sequence
}

export function formatPosition(position: Position): string {
  return `${position.epoch}-${position.sequence}`
}

/** @returns undefined when the text is not `epoch-sequence`. */
export function parsePosition(text: string): Position | undefined {
  const match = /^(\d{1,9})-(\d{1,15})$/.exec(text)
  return match ? { epoch: Number(match[1]), sequence: Number(match[2]) } : undefined
}
