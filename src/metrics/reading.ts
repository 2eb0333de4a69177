import { Gauge, type Registry } from 'prom-client'

/** After which a figure that was asked for is missing from /metrics: Prometheus waits for 10 s. */
const readMsMax = 3000

/**
 * Makes one question of what several metrics ask at the same time, and none that is waited for longer
 * than `readMsMax`.
 *
 * @returns undefined for what cannot be read: a figure that is not known is not told.
 */
export function asked<Key, Figures>(read: (key: Key) => Promise<Figures>) {
  const underWay = new Map<Key, Promise<Figures | undefined>>()
  return (key: Key): Promise<Figures | undefined> => {
    let reading = underWay.get(key)
    if (!reading) {
      reading = within(read(key)).finally(() => underWay.delete(key))
      underWay.set(key, reading)
    }
    return reading
  }
}

async function within<Figures>(reading: Promise<Figures>): Promise<Figures | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, readMsMax, undefined)
  })
  return Promise.race([reading.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}

/** A gauge of each store that is read when /metrics is; a store without a value is left out. */
export function storeGauge<Store>(
  registry: Registry,
  stores: ReadonlyMap<string, Store>,
  name: `holdfast_${string}`,
  help: string,
  read: (store: Store) => number | undefined | Promise<number | undefined>,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['store'] as const,
    registers: [registry],
    async collect() {
      const values = await Promise.all(
        [...stores].map(async ([store, of]) => [store, await read(of)] as const),
      )
      this.reset()
      for (const [store, value] of values) {
        if (value !== undefined) this.set({ store }, value)
      }
    },
  })
}
