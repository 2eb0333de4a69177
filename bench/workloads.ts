export interface Workload {
  name: string
  about: string
  /** What each shopper does: hold one cart, or hold one and then pay for it or cancel it. */
  shape: 'reserve' | 'checkout'
  skus: number
  /** On hand of each SKU before the first request. */
  unitsPerSku: number
  /** Lines of a cart, each of another SKU. */
  lines: number
  /** Times the run's connections. */
  connectionsFactor: number
  worker: 'running' | 'paused'
  fsync: 'always' | 'everysec'
  /** The statuses that may answer while it is measured. */
  answers: readonly number[]
}

const plenty = 1_000_000_000

const hotSku: Workload = {
  name: 'hot-sku',
  about: 'one SKU, one line, a key each, fsync always, worker running',
  shape: 'reserve',
  skus: 1,
  unitsPerSku: plenty,
  lines: 1,
  connectionsFactor: 1,
  worker: 'running',
  fsync: 'always',
  answers: [201],
}

/** The product's workloads; `hot-sku` is the canonical one and the others differ from it as they say. */
export const workloads: readonly Workload[] = [
  hotSku,
  { ...hotSku, name: 'hot-sku-paused', about: 'hot-sku with the worker paused', worker: 'paused' },
  {
    ...hotSku,
    name: 'hot-sku-512',
    about: 'hot-sku with 8 times the connections, worker paused',
    worker: 'paused',
    connectionsFactor: 8,
  },
  {
    ...hotSku,
    name: 'hot-sku-everysec',
    about: 'hot-sku with appendfsync everysec, for comparison',
    fsync: 'everysec',
  },
  { ...hotSku, name: 'many-skus', about: 'one line of one of 10,000 SKUs', skus: 10_000 },
  { ...hotSku, name: 'cart', about: 'five lines of 10,000 SKUs', skus: 10_000, lines: 5 },
  {
    ...hotSku,
    name: 'checkout',
    about: 'hold, then confirm and wait for MySQL, or release',
    shape: 'checkout',
    skus: 100,
    answers: [200, 201, 202],
  },
  {
    ...hotSku,
    name: 'sold-out',
    about: '100 units are gone, nothing but refusals',
    unitsPerSku: 100,
    answers: [409],
  },
  {
    ...hotSku,
    name: 'overload',
    about: 'hot-sku with 10 times the connections',
    connectionsFactor: 10,
    answers: [201, 503],
  },
]

/** The name of a SKU of a workload; all of one width, so that a request is patched in place. */
export function skuName(prefix: string, index: number): string {
  return `${prefix}-${String(index).padStart(skuDigits, '0')}`
}

export const skuDigits = 6
