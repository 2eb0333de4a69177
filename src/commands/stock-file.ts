import { createReadStream } from 'node:fs'
import { CsvError, type Info, parse } from 'csv-parse'
import { ConfigError } from '../config.js'
import { countMax, skuPattern, stockFileLinesMax } from '../domain/limits.js'
import { reasonOf } from './given-servers.js'

/** The columns of an export, in their order. */
export const stockColumns = ['sku', 'available', 'held', 'sold', 'onHand'] as const

/** What a line of a file asks for. */
export interface StockLine {
  /** Of the file, from 1. */
  line: number
  sku: string
  onHand: number
}

/** A SKU and a count have no more; what is longer is no line, but a quote that is never closed. */
const recordBytesMax = 4096
const faultsShown = 100

const isSku = new RegExp(skuPattern)
const isCount = /^(0|[1-9]\d{0,12})$/

/**
 * Reads a CSV file (RFC 4180, UTF-8) whose header names `sku` and `onHand`. The other columns of an
 * export may be there; they say what was so then, and nothing is done with them. Any other column is
 * refused, because it may mean something that would not happen.
 *
 * @throws ConfigError when the file cannot be read or any line of it cannot be used; what is wrong is
 *   printed, a sentence for each line.
 */
export async function readStockFile(path: string): Promise<StockLine[]> {
  const faults = new Faults(path)
  const lines: StockLine[] = []
  const firstLineOf = new Map<string, number>()
  let columns: Columns | undefined
  try {
    for await (const { record, info } of recordsOf(path)) {
      if (!columns) columns = readHeader(record)
      else if (lines.length === stockFileLinesMax) {
        throw new ConfigError(`${path} has more than ${stockFileLinesMax} lines: import it in parts.`)
      } else {
        const read = readLine(columns, record, info.lines)
        const firstLine = typeof read === 'string' ? undefined : firstLineOf.get(read.sku)
        if (typeof read === 'string') faults.add(info.lines, read)
        else if (firstLine !== undefined)
          faults.add(info.lines, `sku ${quote(read.sku)} is on line ${firstLine} already`)
        else {
          firstLineOf.set(read.sku, read.line)
          lines.push(read)
        }
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) {
      if (error instanceof ConfigError) throw error
      throw new ConfigError(`${path} cannot be read: ${reasonOf(error)}. Nothing was set.`)
    }
    faults.add(Number(error.lines), `${describeCsvError(error)}; what follows was not read`)
  }
  if (!columns && faults.count === 0)
    throw new ConfigError(`${path} is empty: it must begin with sku,onHand.`)
  faults.throwIfAny()
  return lines
}

/** Prints what is wrong with a file, as it is found. */
class Faults {
  count = 0

  constructor(private readonly path: string) {}

  add(line: number, what: string): void {
    this.count++
    if (this.count <= faultsShown) console.error(`${this.path}:${line}: ${what}`)
  }

  throwIfAny(): void {
    if (this.count === 0) return
    const lines = this.count === 1 ? '1 line' : `${this.count} lines`
    const rest = this.count > faultsShown ? ` The first ${faultsShown} are listed.` : ''
    throw new ConfigError(`${lines} of ${this.path} cannot be used.${rest} Nothing was set.`)
  }
}

interface ReadRecord {
  record: string[]
  info: Info
}

function recordsOf(path: string): AsyncIterable<ReadRecord> {
  const parser = parse({
    bom: true,
    info: true,
    // Each line is told what is wrong with it; the parser would stop at the first.
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: recordBytesMax,
  })
  return createReadStream(path)
    .on('error', (error) => parser.destroy(error))
    .pipe(parser)
}

interface Columns {
  count: number
  sku: number
  onHand: number
}

/** @throws ConfigError for a header that does not say what to do. */
function readHeader(names: readonly string[]): Columns {
  const unknown = names.filter((name) => !(stockColumns as readonly string[]).includes(name))
  if (unknown.length > 0) {
    throw new ConfigError(
      `The header has the column ${unknown.map(quote).join(', ')}: it may have sku and onHand, and available, held and sold, which are not read.`,
    )
  }
  for (const name of ['sku', 'onHand']) {
    const count = names.filter((each) => each === name).length
    if (count !== 1)
      throw new ConfigError(`The header must have the column ${name} once, not ${count} times.`)
  }
  return { count: names.length, sku: names.indexOf('sku'), onHand: names.indexOf('onHand') }
}

/** @returns what is wrong with it, when something is. */
function readLine(columns: Columns, record: readonly string[], line: number): StockLine | string {
  if (record.length !== columns.count)
    return `it has ${record.length} fields, and the header ${columns.count}`
  const sku = record[columns.sku] as string
  const onHand = record[columns.onHand] as string
  if (!isSku.test(sku)) return `sku ${quote(sku)} is not 1 to 64 characters of A-Z a-z 0-9 . _ -`
  if (!isCount.test(onHand) || Number(onHand) > countMax) {
    return `onHand ${quote(onHand)} is not a whole number from 0 to ${countMax}`
  }
  return { line, sku, onHand: Number(onHand) }
}

function describeCsvError(error: CsvError): string {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quote is opened and not closed'
    case 'CSV_MAX_RECORD_SIZE':
      return `it is longer than ${recordBytesMax} bytes: is a quote opened and not closed?`
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'a quote stands inside a field: quote the field and write the quote twice'
    default:
      return reasonOf(error)
  }
}

/** What a file holds must not reach the terminal as control sequences. */
function quote(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text
  return JSON.stringify(shown).replace(/[\x7f-\x9f]/g, '?')
}
