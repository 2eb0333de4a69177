/** A UUID is four words of 32 bits. */
const idWords = 4
const pageIds = 4096
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Remembers very many UUIDs that come in order, in 16 bytes each. */
export class SortedIds {
  private readonly pages: Uint32Array[] = []
  private size = 0
  private readonly wanted = new Uint32Array(idWords)

  /** @param ids each after all before. What is no UUID, such as a damaged id, is left out. */
  add(ids: readonly string[]): void {
    for (const id of ids) {
      if (!uuid.test(id)) continue
      const at = this.size % pageIds
      if (at === 0) this.pages.push(new Uint32Array(pageIds * idWords))
      writeWords(id, this.pages.at(-1) as Uint32Array, at * idWords)
      this.size++
    }
  }

  has(id: string): boolean {
    if (!uuid.test(id)) return false
    writeWords(id, this.wanted, 0)
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.compareWanted(middle)
      if (order === 0) return true
      if (order < 0) high = middle
      else low = middle + 1
    }
    return false
  }

  private compareWanted(index: number): number {
    const page = this.pages[Math.floor(index / pageIds)] as Uint32Array
    const start = (index % pageIds) * idWords
    for (let word = 0; word < idWords; word++) {
      const order = (this.wanted[word] as number) - (page[start + word] as number)
      if (order !== 0) return order
    }
    return 0
  }
}

function writeWords(id: string, into: Uint32Array, at: number): void {
  into[at] = Number.parseInt(id.slice(0, 8), 16)
  into[at + 1] = Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16)
  into[at + 2] = Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16)
  into[at + 3] = Number.parseInt(id.slice(28), 16)
}
