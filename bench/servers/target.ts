import { fileURLToPath } from 'node:url'
import { skuName } from '../workloads.js'

/** A server that load is sent to. */
export interface Target {
  readonly urls: readonly string[]
  /** Whose CPU is read, by what it is. */
  readonly pids: Readonly<Record<string, readonly number[]>>
}

/** Calls under way at once while stock is set. */
const setters = 32

/** Gives each SKU of a workload its units. */
export async function setStock(url: string, prefix: string, skus: number, units: number): Promise<void> {
  let next = 0
  const work = async () => {
    for (let index = next++; index < skus; index = next++) {
      const response = await fetch(`${url}/v1/stock/${skuName(prefix, index)}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ onHand: units }),
      })
      if (!response.ok) throw new Error(`stock cannot be set: ${response.status} ${await response.text()}`)
      await response.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: setters }, work))
}

export async function readAvailable(url: string, sku: string): Promise<number> {
  const response = await fetch(`${url}/v1/stock/${sku}`)
  const body = (await response.json()) as { available: number }
  return body.available
}

/** A file of the compiled benchmark. */
export function compiled(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}

/** A file of the repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url))
}
