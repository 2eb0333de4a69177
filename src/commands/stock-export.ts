import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { stringify } from 'csv-stringify'
import { isRefusal, refusals } from '../domain/outcomes.js'
import type { StockReader } from '../stock/stock-reader.js'
import { reasonOf } from './given-servers.js'
import { stockColumns } from './stock-file.js'
import { openStockProgress } from './stock-progress.js'

const done = 0
const notDone = 1
const pageSkus = 1000

class ExportStopped extends Error {}

/**
 * Writes the counts of every SKU in order, as CSV (RFC 4180). Selling goes on meanwhile: each page is
 * as it was when it was read. A file appears under its name when it is whole.
 *
 * @param file '' for standard output.
 */
export async function exportStock(reader: StockReader, file: string, signal: AbortSignal): Promise<number> {
  const part = `${file}.${randomBytes(6).toString('hex')}.part`
  const isShown = process.stderr.isTTY && !(file === '' && process.stdout.isTTY)
  const progress = openStockProgress('Exporting', await reader.size(), isShown)
  let count = 0
  const rows = async function* () {
    for await (const row of rowsOf(reader, signal)) {
      yield row
      count++
      progress.advance()
    }
  }
  try {
    await writeCsv(rows(), file === '' ? process.stdout : (await open(part, 'wx')).createWriteStream())
    if (file !== '') await rename(part, file)
    progress.end()
    console.error(`${count} SKUs were exported${file === '' ? '' : ` to ${file}`}.`)
    return done
  } catch (error) {
    progress.end()
    // Whoever read standard output has all of it that was wanted.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return done
    if (file !== '') await rm(part, { force: true })
    console.error(`The stock was not exported: ${reasonOf(error)}.`)
    return notDone
  }
}

function writeCsv(rows: AsyncIterable<readonly (string | number)[]>, output: Writable): Promise<void> {
  const csv = stringify({ header: true, columns: [...stockColumns], record_delimiter: 'windows' })
  return pipeline(rows, csv, output, { end: output !== process.stdout })
}

async function* rowsOf(reader: StockReader, signal: AbortSignal): AsyncGenerator<(string | number)[]> {
  let after = ''
  for (;;) {
    const page = await reader.list(after, pageSkus)
    if (isRefusal(page)) throw new ExportStopped(refusals[page.refused].title)
    if (signal.aborted) throw new ExportStopped('it was stopped')
    for (const { sku, available, held, sold } of page.items) {
      yield [sku, available, held, sold, available + held]
    }
    const last = page.items.at(-1)
    if (!last) return
    after = last.sku
  }
}
