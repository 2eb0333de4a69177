/** The counts of a SKU. `onHand`, what the shelf holds, is available + held. */
export interface Counts {
  available: number
  held: number
  sold: number
}

export interface Stock extends Counts {
  sku: string
}

/** The counts as Redis keeps them: `available held sold`. @returns undefined for other text. */
export function parseCounts(text: string): Counts | undefined {
  const match = /^(\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(text)
  return match ? { available: Number(match[1]), held: Number(match[2]), sold: Number(match[3]) } : undefined
}
