import type { TestStore } from '../support/test-store.js'

/**
 * Changes an entry of the ledger behind the service's back: what the script wrote stays true, what stands
 * in the stream is another text. No writer may be at work.
 *
 * @returns the record of the entry as the script wrote it, for mending it.
 */
export async function damageEntry(
  { redis, keys }: TestStore,
  sequence: number,
  change: (text: string) => string,
): Promise<string[]> {
  const records = await redis.xrange(keys.ledger, '-', '+')
  const rewriting = redis.multi().del(keys.ledger)
  let before: string[] = []
  for (const [id, fields] of records) {
    const last = Number(id.split('-')[1])
    const index = fields.length - 1 - 2 * (last - sequence)
    if (index >= 3 && index < fields.length) {
      const text = fields[index] as string
      before = ['time', fields[1] as string, 'entry', text]
      fields[index] = change(text)
    }
    rewriting.xadd(keys.ledger, id, ...fields)
  }
  await rewriting.exec()
  return before
}

/** Loses the time of the record that ends with an entry, so that all of it cannot be read. */
export async function damageRecord({ redis, keys }: TestStore, sequence: number): Promise<void> {
  const records = await redis.xrange(keys.ledger, '-', '+')
  const rewriting = redis.multi().del(keys.ledger)
  for (const [id, fields] of records) {
    if (id.endsWith(`-${sequence}`)) fields.splice(1, 1, '')
    rewriting.xadd(keys.ledger, id, ...fields)
  }
  await rewriting.exec()
}

/** Mends a quarantined entry in MySQL, as a person would who knows what it said. */
export async function mendEntry(
  { database }: TestStore,
  sequence: number,
  record: readonly string[],
): Promise<void> {
  const { count } = await database.quarantinedEntry.updateMany({
    where: { sequence },
    data: { record: JSON.stringify(record) },
  })
  if (count !== 1) throw new Error(`nothing is quarantined at ${sequence}`)
}
