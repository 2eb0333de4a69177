import type { ReservationRecord } from '../domain/reservation.js'
import type { Database } from './database.js'
import { recordColumn } from './record-column.js'
import type { StoreLedger } from './store-ledger.js'

/** How many units of a SKU are held and sold. */
export interface SkuUnits {
  sku: string
  held: number
  sold: number
}

/** Lines of a reservation with the count that their units are in. */
export interface CountedLines {
  id: string
  count: 'held' | 'sold'
  /** `sku:quantity` joined by commas. */
  lines: string
}

type Query = Pick<Database, '$queryRaw'>

/** Walks through a store's tables in pages, each of which is read while the one before it is worked on. */
export class LedgerPages {
  /** What is in MySQL by the time that a page is read. */
  static async now(ledger: StoreLedger, pageRows: number): Promise<LedgerPages> {
    return new LedgerPages(ledger.database, await ledger.storeId(), pageRows)
  }

  /**
   * What was in MySQL when it was first asked, on every page alike. A connection and MySQL's old rows are
   * kept for it meanwhile, so nothing else is to be asked of MySQL, or waited for long.
   *
   * @param msMax how long the pages may be used; then it rejects, as it does when MySQL fails.
   */
  static async ofOneMoment<Result>(
    ledger: StoreLedger,
    pageRows: number,
    msMax: number,
    use: (pages: LedgerPages) => Promise<Result>,
  ): Promise<Result> {
    const storeId = await ledger.storeId()
    return ledger.database.$transaction((snapshot) => use(new LedgerPages(snapshot, storeId, pageRows)), {
      isolationLevel: 'RepeatableRead',
      timeout: msMax,
      maxWait: 10_000,
    })
  }

  private constructor(
    private readonly query: Query,
    private readonly storeId: number,
    private readonly pageRows: number,
  ) {}

  /** The highest id of a reservation that is open; '' when none is. */
  async lastOpenReservation(): Promise<string> {
    const [last] = await this.query.$queryRaw<{ id: string }[]>`
      SELECT id FROM reservations FORCE INDEX (reservations_by_end)
      WHERE store_id = ${this.storeId} AND closed_at IS NULL ORDER BY id DESC LIMIT 1`
    return last?.id ?? ''
  }

  /** The reservations that are open, in order of id, up to one. */
  openReservations(lastId: string): AsyncGenerator<ReservationRecord[]> {
    // What is open has no end, and that is one range of the index by end; in order of id alone all that ever ended
    // would be read, too.
    const read = (id: string) => this.query.$queryRaw<ReservationRecord[]>`
      SELECT id, ${recordColumn} AS record FROM reservations FORCE INDEX (reservations_by_end)
      WHERE store_id = ${this.storeId} AND closed_at IS NULL AND id > ${id} AND id <= ${lastId}
      ORDER BY id LIMIT ${this.pageRows}`
    return this.walk(read)
  }

  /** The lines of the reservations whose units are counted: of held and of confirmed ones. */
  countedLines(): AsyncGenerator<CountedLines[]> {
    const read = (id: string) => this.query.$queryRaw<CountedLines[]>`
      SELECT id, IF(state = 'held', 'held', 'sold') AS count, \`lines\` FROM reservations
      WHERE store_id = ${this.storeId} AND id > ${id} AND state IN ('held', 'confirmed')
      ORDER BY id LIMIT ${this.pageRows}`
    return this.walk(read)
  }

  /** What the rows of all SKUs say. */
  async *skuUnits(): AsyncGenerator<SkuUnits[]> {
    const read = (sku: string) => this.query.$queryRaw<{ id: string; units: string }[]>`
      SELECT sku AS id, CONCAT(held, ' ', sold) AS units FROM stock
      WHERE store_id = ${this.storeId} AND sku > ${sku} ORDER BY sku LIMIT ${this.pageRows}`
    for await (const rows of this.walk(read)) {
      yield rows.map(({ id: sku, units }) => {
        const [held, sold] = units.split(' ').map(Number) as [number, number]
        return { sku, held, sold }
      })
    }
  }

  /** The SKUs that MySQL knows, in order: from their rows or from the ledger. */
  async *skuNames(): AsyncGenerator<string[]> {
    const read = (sku: string) => this.query.$queryRaw<{ id: string }[]>`
      (SELECT sku AS id FROM stock WHERE store_id = ${this.storeId} AND sku > ${sku}
        ORDER BY sku LIMIT ${this.pageRows})
      UNION
      (SELECT DISTINCT sku FROM ledger WHERE store_id = ${this.storeId} AND sku > ${sku}
        ORDER BY sku LIMIT ${this.pageRows})
      ORDER BY id LIMIT ${this.pageRows}`
    for await (const rows of this.walk(read)) yield rows.map(({ id }) => id)
  }

  private async *walk<Row extends { id: string }>(
    read: (after: string) => Promise<Row[]>,
  ): AsyncGenerator<Row[]> {
    for (let reading: Promise<Row[]> | undefined = read(''); reading; ) {
      const rows: Row[] = await reading
      reading = rows.length < this.pageRows ? undefined : read((rows.at(-1) as Row).id)
      // Awaited above, unless what is done with this page fails first.
      reading?.catch(() => {})
      if (rows.length > 0) yield rows
    }
  }
}
