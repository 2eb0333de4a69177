import { SingleBar } from 'cli-progress'
import type { Line } from '../domain/reservation.js'

/** With a paid order, without having paid (in time), or with nothing to be had. */
export type Leaving = 'ordered' | 'unpaid' | 'sold-out'

export type SaleHalf = 'naive' | 'holdfast'

/** Shows how far one half of the demonstration is. */
export interface SaleProgress {
  /** A customer leaves the store. */
  leaves(how: Leaving, cart: readonly Line[]): void
  /** Ends the display. Idempotent. */
  end(): void
}

export type OpenProgress = (half: SaleHalf, customers: number) => SaleProgress

const titles = { naive: 'without Holdfast', holdfast: 'with Holdfast   ' }

/** A bar on a terminal; elsewhere, as in a log, a line each fifth of the way. */
export function openProgress(output: NodeJS.WriteStream): OpenProgress {
  return output.isTTY
    ? (half, customers) => openBar(output, titles[half], customers)
    : (half, customers) => openLines((line) => output.write(`${line}\n`), titles[half], customers)
}

function openBar(output: NodeJS.WriteStream, title: string, customers: number): SaleProgress {
  const bar = new SingleBar({
    format: `${title} {bar} {value} of {total} customers, {orders} orders`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    stream: output,
    // Whoever opens a bar ends it; the bar needs no signal handlers of its own.
    gracefulExit: false,
  })
  let orders = 0
  bar.start(customers, 0, { orders })
  return {
    leaves: (how) => {
      if (how === 'ordered') orders++
      bar.increment(1, { orders })
    },
    end: () => bar.stop(),
  }
}

export function openLines(print: (line: string) => void, title: string, customers: number): SaleProgress {
  const step = Math.ceil(customers / 5)
  let left = 0
  let orders = 0
  return {
    leaves: (how) => {
      left++
      if (how === 'ordered') orders++
      if (left % step === 0 || left === customers) {
        print(`${title} ${left} of ${customers} customers, ${orders} orders`)
      }
    },
    end: () => {},
  }
}
