import { type LedgerEntry, parseEntry } from './ledger-entry.js'
import { skuPattern } from './limits.js'
import type { Position } from './position.js'

/** What stands in the ledger and cannot be read: one entry, or all that a record of the stream holds. */
export interface UnreadableEntry {
  /** Of the newest entry it stands for. */
  position: Position
  /** The sequence of the oldest one. */
  first: number
  record: RecordBytes
  /** The SKUs that it moved; undefined when not even that can be read. */
  skus: readonly string[] | undefined
}

export type LedgerItem = LedgerEntry | UnreadableEntry

/** The fields of a record, each byte as the character of its number, so that nothing is lost of any. */
export type RecordBytes = readonly string[]

export function isReadable(item: LedgerItem): item is LedgerEntry {
  return 'kind' in item
}

/**
 * Reads a record of the stream: `time <ms> entry <text> entry <text> ...`. Its id is the position of
 * its last entry.
 *
 * @param before the sequence of the entry before the record. A record that cannot be read stands for
 *   all entries from there on: the sequence is dense.
 * @param bytes kept of what cannot be read.
 */
export function readRecord(
  last: Position,
  before: number,
  fields: readonly string[],
  bytes?: RecordBytes,
): LedgerItem[] {
  const [timeName, time = ''] = fields
  const count = fields.length / 2 - 1
  // Unnoticed, a record without entries would be read again and again, and one without a time would
  // be of 1970.
  if (timeName !== 'time' || !/^\d{1,15}$/.test(time) || count < 1 || count % 1 !== 0) {
    const texts = fields.filter((_, i) => i > 0 && fields[i - 1] === 'entry')
    const record = bytes ?? fields.map(toBytes)
    return [{ position: last, first: before + 1, record, skus: readSkus(texts) }]
  }
  const items: LedgerItem[] = []
  for (let i = 0; i < count; i++) {
    const position = { epoch: last.epoch, sequence: last.sequence - count + 1 + i }
    const text = fields[2 * i + 3] as string
    items.push(
      parseEntry(position, Number(time), text) ?? {
        position,
        first: position.sequence,
        record: entryRecord(time, bytes?.[2 * i + 3] ?? toBytes(text)),
        skus: readSkus([text]),
      },
    )
  }
  return items
}

/** The record that an entry would be in if it were alone in it. */
export function recordOf({ occurredAtMs, text }: LedgerEntry): RecordBytes {
  return entryRecord(String(occurredAtMs), toBytes(text))
}

/** The inverse of `recordOf` for all that a record stands for. */
export function readRecordBytes(last: Position, first: number, record: RecordBytes): LedgerItem[] {
  const fields = record.map((field) => Buffer.from(field, 'latin1').toString())
  return readRecord(last, first - 1, fields, record)
}

function entryRecord(time: string, bytes: string): RecordBytes {
  return ['time', time, 'entry', bytes]
}

function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1')
}

const sku = new RegExp(skuPattern)

/**
 * The SKUs of entries that cannot be read, from their lines (`sku:quantity:available:held:sold,...`).
 *
 * @returns undefined unless every entry has lines of five parts that were not cut off: half of a SKU
 *   may be another one.
 */
function readSkus(texts: readonly string[]): string[] | undefined {
  const skus = new Set<string>()
  for (const text of texts) {
    const [, , lines = '', rest] = text.split('\t', 4)
    for (const line of lines.split(',')) {
      const [name = '', ...numbers] = line.split(':')
      if (rest === undefined || numbers.length !== 4 || !sku.test(name)) return undefined
      skus.add(name)
    }
  }
  return skus.size > 0 ? [...skus] : undefined
}
