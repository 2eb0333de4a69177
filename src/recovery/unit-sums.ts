/** The units of reservations, added up for each SKU. */
export class UnitSums {
  private readonly held = new Map<string, number>()
  private readonly sold = new Map<string, number>()

  /**
   * @param lines `sku:quantity` joined by commas. What is damaged is missing from the sum of its SKU, which tells
   *   of it.
   */
  add(count: 'held' | 'sold', lines: string): void {
    const units = this[count]
    for (const line of lines.split(',')) {
      const colon = line.indexOf(':')
      const quantity = Number(line.slice(colon + 1))
      if (colon <= 0 || !Number.isSafeInteger(quantity)) continue
      const sku = line.slice(0, colon)
      units.set(sku, (units.get(sku) ?? 0) + quantity)
    }
  }

  /** The units of a SKU, which are forgotten. */
  take(sku: string): { held: number; sold: number } {
    const units = { held: this.held.get(sku) ?? 0, sold: this.sold.get(sku) ?? 0 }
    this.held.delete(sku)
    this.sold.delete(sku)
    return units
  }

  /** The SKUs that were not taken. */
  skus(): Set<string> {
    return new Set([...this.held.keys(), ...this.sold.keys()])
  }
}
