import { isRefusal, type Refusal, refusals } from '../domain/outcomes.js'
import type { Stock } from '../domain/stock.js'
import type { StockGate } from '../stock/gate.js'
import type { StockReader } from '../stock/stock-reader.js'
import { commandLineActor } from './command-line-actor.js'
import type { StockLine } from './stock-file.js'
import { openStockProgress } from './stock-progress.js'

const done = 0
const notDone = 1

/** Calls under way at once: those of one turn reach Redis together, and one fsync serves them. */
const callsAtOnce = 200
const pageSkus = 500

/**
 * Sets the stock on hand of every line. A line that the service refuses is printed and the others go
 * on. To run it again, after it was killed too, changes nothing that is so already.
 */
export async function importStock(
  gate: StockGate,
  lines: readonly StockLine[],
  signal: AbortSignal,
): Promise<number> {
  const counts = { created: 0, set: 0, refused: 0 }
  const progress = openStockProgress('Importing', lines.length)
  const waiting = lines.values()
  const actor = commandLineActor()
  let stoppedBy = ''
  const lane = async () => {
    for (const line of waiting) {
      if (stoppedBy !== '' || signal.aborted) return
      const result = await gate.setStock(line.sku, line.onHand, actor)
      if (!isRefusal(result)) counts[result.created ? 'created' : 'set']++
      else if (isOfTheLine(result)) {
        counts.refused++
        console.error(describeRefused(line, result))
      } else stoppedBy = refusals[result.refused].title
      progress.advance()
    }
  }
  await Promise.all(Array.from({ length: callsAtOnce }, lane))
  progress.end()
  const { created, set, refused } = counts
  console.log(`${lines.length} lines: ${created} SKUs created, ${set} set, ${refused} refused.`)
  const applied = created + set + refused
  if (applied < lines.length) {
    const why = stoppedBy === '' ? 'It was stopped.' : stoppedBy
    console.error(
      `${why} ${lines.length - applied} lines were not applied, or it is unknown: import the file again.`,
    )
  }
  return applied === lines.length && refused === 0 ? done : notDone
}

/** Prints what an import would do to the stock as it is now. */
export async function previewImport(reader: StockReader, lines: readonly StockLine[]): Promise<number> {
  const counts = { created: 0, changed: 0, same: 0, refused: 0 }
  for (let from = 0; from < lines.length; from += pageSkus) {
    const page = lines.slice(from, from + pageSkus)
    const found = await reader.stock(page.map(({ sku }) => sku))
    if (isRefusal(found)) {
      console.error(`The stock cannot be read: ${refusals[found.refused].title}`)
      return notDone
    }
    const stockOf = new Map(found.items.map((stock) => [stock.sku, stock]))
    for (const line of page) counts[judge(line, stockOf.get(line.sku))]++
  }
  const { created, changed, same, refused } = counts
  console.log(
    `${lines.length} lines: ${created} SKUs would be created, ${changed} changed, ${refused} refused, ${same} are so already. Nothing was set.`,
  )
  return refused === 0 ? done : notDone
}

function judge(line: StockLine, stock: Stock | undefined): 'created' | 'changed' | 'same' | 'refused' {
  if (!stock) return 'created'
  if (line.onHand >= stock.held) return line.onHand === stock.available + stock.held ? 'same' : 'changed'
  console.error(describeRefused(line, { refused: 'below-held', held: stock.held }))
  return 'refused'
}

/** Whether another line may fare better. */
function isOfTheLine({ refused }: Refusal): boolean {
  return refused === 'below-held' || refused === 'invalid-request'
}

function describeRefused({ line, sku, onHand }: StockLine, refusal: Refusal): string {
  const why =
    refusal.refused === 'below-held'
      ? `onHand ${onHand} is below the ${refusal.held} units that are held`
      : refusals[refusal.refused].title
  return `line ${line}: ${sku} was left as it is: ${why}`
}
