import { SingleBar } from 'cli-progress'

/** Shows how far a long command is, on a terminal; elsewhere its summary is enough. */
export interface StockProgress {
  advance(): void
  end(): void
}

/** On standard error: what is exported may go to standard output. */
export function openStockProgress(title: string, total: number, shown = process.stderr.isTTY): StockProgress {
  if (!shown || total === 0) return { advance: () => {}, end: () => {} }
  const bar = new SingleBar({
    format: `${title} {bar} {value} of {total} SKUs`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    stream: process.stderr,
    // Whoever opens a bar ends it; the bar needs no signal handlers of its own.
    gracefulExit: false,
  })
  bar.start(total, 0)
  return { advance: () => bar.increment(), end: () => bar.stop() }
}
