import { describe, expect, test } from 'vitest'
import { parseEntry } from '../../src/domain/ledger-entry.js'

const position = { epoch: 1, sequence: 7 }
const parse = (...fields: string[]) => parseEntry(position, 1000, fields.join('\t'))
const line = 'cup:5:15:0:0'
const record = ['held', '1-7', '1', '2', '', '', '', 'key', '900', 'cup:5', 'customer', '']

describe('an entry', () => {
  test.for([
    [['set', '', line, '', ''], {}],
    [['set', '', line, '', '', 'shop'], { actor: 'shop' }],
    [['adjust', '', line, 'return', ''], { reason: 'return' }],
    [['adjust', '', line, 'return', 'k'], { reason: 'return', idempotencyKey: 'k' }],
    [['adjust', '', line, '', 'k', 'cli:root'], { idempotencyKey: 'k', actor: 'cli:root' }],
    [['correct', '', line, 'why', ''], { reason: 'why' }],
    [['correct', '', line, 'why', '', 'shop'], { reason: 'why', actor: 'shop' }],
  ] as const)('of stock says why, under which key and who: %j', ([fields, told]) => {
    const { reason, idempotencyKey, actor } = parse(...fields) ?? {}
    const nothing = { reason: undefined, idempotencyKey: undefined, actor: undefined }
    expect({ reason, idempotencyKey, actor }).toEqual({ ...nothing, ...told })
  })

  test.for([
    [['reserve', 'r1', line, ...record], {}],
    [['correct', 'r1', line, ...record, 'why'], { reason: 'why' }],
    [['correct', 'r1', line, ...record, 'why', 'shop'], { reason: 'why', actor: 'shop' }],
  ] as const)(
    'of a reservation carries its record, and of a correction who made it: %j',
    ([fields, told]) => {
      const entry = parse(...fields)
      expect(entry?.reservation).toMatchObject({ id: 'r1', idempotencyKey: 'key', customerId: 'customer' })
      expect({ reason: entry?.reason, actor: entry?.actor }).toEqual({
        reason: undefined,
        actor: undefined,
        ...told,
      })
      expect(entry?.idempotencyKey).toBeUndefined()
    },
  )

  test.for([
    [['set', '', line]],
    [['set', '', line, '']],
    [['set', '', line, '', '', '']],
    [['set', '', line, '', '', 'a b']],
    [['set', '', line, '', '', 'x'.repeat(81)]],
    [['set', '', line, '', '', 'shop', '']],
    [['reserve', 'r1', line, ...record, 'shop']],
    [['correct', 'r1', line, ...record]],
    [['correct', 'r1', line, ...record, 'why', '']],
    [['correct', 'r1', line, ...record, 'why', 'shop', 'more']],
  ])('is unreadable with fields too few or too many, or an actor that is none: %j', ([fields]) => {
    expect(parse(...(fields as string[]))).toBeUndefined()
  })
})
