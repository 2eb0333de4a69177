import { describe, expect } from 'vitest'
import { request, type ScriptStore, scriptTest } from '../../support/script-store.js'

/** Holds r1 to r4: two of cups, two of hats. */
async function prepare(store: ScriptStore): Promise<void> {
  await store.setStock({ cup: 10, hat: 10 })
  for (const [id, lines] of [
    ['r1', 'cup:1'],
    ['r2', 'cup:2'],
    ['r3', 'hat:1'],
    ['r4', 'hat:2'],
  ] as const) {
    await store.hold(id, lines, { key: `key-${id}` })
  }
}

/** They have the form of a record. */
const impossibleRecords = [
  'hold\t1-3\t1\t9999999999999\t\t\t\t\t900\tcup:2\tc\t',
  'held\t1-3\t1\t9999999999999999\t\t\t\t\t900\tcup:2\tc\t',
]
const unreadableRecords = [
  '',
  'held',
  'held\t1-3\t1\t2\t\t\t\t\t900\tcup:nan\tc\t',
  '\xff\x00',
  'x'.repeat(100),
]

describe('a record that cannot be read', () => {
  scriptTest('fails the call that is about it, and no other of its batch', async ({ store }) => {
    await prepare(store)
    for (const record of [...impossibleRecords, ...unreadableRecords]) {
      await store.redis.hset(store.keys.reservations, 'r2', record)
      const extended = await store.run('extend', 86_400_000, 'r1', 1000, 'r2', 1000, 'r3', 1000)
      expect(extended.map((reply) => reply.split('\t')[0])).toEqual(['extended', 'unreadable', 'extended'])
    }
    const confirmed = await store.run(
      'confirm',
      'r2',
      '',
      'reacquire',
      'r1',
      '',
      'refuse',
      'r2',
      '',
      'refuse',
    )
    expect(confirmed.map((reply) => reply.split('\t')[0])).toEqual(['unreadable', 'confirmed', 'unreadable'])
    const released = await store.run('release', 'r3', 'nobody', 'r2')
    expect(released.map((reply) => reply.split('\t')[0])).toEqual([
      'released',
      'unknown-reservation',
      'unreadable',
    ])
    expect(await store.redis.hget(store.keys.reservations, 'r2')).toBe(unreadableRecords.at(-1))
    expect([await store.counts('cup'), await store.counts('hat')]).toEqual(['7 2 1', '8 2 0'])
  })

  scriptTest('does not keep later ones from expiring, however many there are', async ({ store }) => {
    await prepare(store)
    for (const [i, id] of ['r1', 'r2', 'r3', 'r4'].entries()) await store.makeOverdue(id, 4000 - 1000 * i)
    for (const id of ['r1', 'r2']) await store.redis.hset(store.keys.reservations, id, 'held')
    expect(await store.run('expire', 2, 0)).toEqual(['0', '0', expect.stringMatching(/^\d+$/), '2', 'r1'])
    expect(await store.run('expire', 2, 2)).toEqual(['2', expect.stringMatching(/^\d+$/), '', '0', ''])
    expect([await store.counts('cup'), await store.counts('hat')]).toEqual(['7 3 0', '10 0 0'])
  })

  scriptTest('nor does a deadline that was moved end a hold before its own', async ({ store }) => {
    await prepare(store)
    await store.redis.zadd(store.keys.deadlines, 1, 'r1')
    await store.makeOverdue('r2')
    expect(await store.run('expire', 10, 0)).toEqual(['1', expect.any(String), expect.any(String), '1', 'r1'])
    expect((await store.run('confirm', 'r1', 'paid', 'refuse'))[0]).toMatch(/^confirmed\t/)
    expect(await store.counts('cup')).toBe('9 0 1')
  })

  scriptTest('does not keep later ones from being forgotten', async ({ store }) => {
    await prepare(store)
    await store.run('release', 'r1', 'r2', 'r3')
    for (const [i, id] of ['r1', 'r2', 'r3'].entries()) await store.redis.zadd(store.keys.finished, i, id)
    await store.redis.hset(store.keys.reservations, 'r1', 'released')
    await store.redis.hdel(store.keys.reservations, 'r2')
    expect(await store.run('forget', 0, 1, 99, 2, 0)).toEqual(['0', '2', 'r1'])
    expect(await store.run('forget', 0, 1, 99, 2, 2)).toEqual(['1', '0', ''])
    expect((await store.redis.hkeys(store.keys.reservations)).sort()).toEqual(['r1', 'r4'])
  })

  scriptTest('is not taken for another request when its key is repeated', async ({ store }) => {
    await prepare(store)
    const repeat = ['x', 'key-r2', request('cup:2')]
    for (const [i, record] of [undefined, ...impossibleRecords, ...unreadableRecords].entries()) {
      await store.redis.hdel(store.keys.reservations, 'r2')
      if (record !== undefined) await store.redis.hset(store.keys.reservations, 'r2', record)
      const reuse = ['y', 'key-r2', request('cup:3')]
      const replies = await store.reserve(
        ...repeat,
        ...reuse,
        `new-${i}`,
        '',
        request(i % 2 ? 'cup:1' : 'hat:1'),
      )
      expect(replies).toEqual(['unreadable', 'unreadable', 'reserved'])
    }
  })
})

describe('counts that cannot be read, or are too low for what is held', () => {
  for (const counts of ['8 2', 'nan 2 0', '8 1 0', '100000000000000 2 0', '8 99999999999999999999 0']) {
    scriptTest(`fail the calls about their SKU, and no other: ${counts}`, async ({ store }) => {
      await prepare(store)
      await store.redis.hset(store.keys.stock, 'cup', counts)
      for (const id of ['r2', 'r3']) await store.makeOverdue(id, 1000)
      expect((await store.run('expire', 10, 0))[0]).toBe('1')
      const released = await store.run('release', 'r2', 'r4')
      expect(released.map((reply) => reply.split('\t')[0])).toEqual(['unreadable', 'released'])
      expect([await store.counts('cup'), await store.counts('hat')]).toEqual([counts, '10 0 0'])
    })
  }

  scriptTest('fail the holds of their SKU, and no other', async ({ store }) => {
    await prepare(store)
    await store.redis.hset(store.keys.stock, 'cup', '8 2')
    const carts = ['hat:1', 'cup:1', 'cup:1,hat:1', 'hat:1,none:1']
    const calls = carts.flatMap((lines, i) => [`new-${i}`, '', request(lines)])
    const replies = await store.reserve(...calls)
    expect(replies).toEqual(['reserved', 'unreadable', 'unreadable', 'unknown-sku\tnone'])
    await expect(store.run('set', 'cup', 5)).rejects.toThrow('the counts of cup are malformed')
    await expect(store.adjust('cup', 5)).rejects.toThrow('the counts of cup are malformed')
  })
})

scriptTest('a deadline far ahead keeps all of its digits', async ({ store }) => {
  await prepare(store)
  const record = (await store.record('r1')).with(3, '253402300799999')
  await store.redis.hset(store.keys.reservations, 'r1', record.join('\t'))
  await store.run('release', 'r1')
  expect((await store.record('r1'))[3]).toBe('253402300799999')
})

describe('a ledger that takes no entry, because somebody else wrote to the stream', () => {
  scriptTest('has nothing moved without one', async ({ store }) => {
    await prepare(store)
    await store.makeOverdue('r1')
    await store.redis.xadd(store.keys.ledger, '9-9', 'time', '1')
    const before = await store.dump()
    const calls = [
      () => store.reserve('new', 'key-new', request('cup:1')),
      () => store.run('confirm', 'r2', 'paid', 'refuse'),
      () => store.run('release', 'r3'),
      () => store.run('extend', 86_400_000, 'r4', 3600),
      () => store.run('expire', 10, 0),
      () => store.run('set', 'new-sku', 5),
      () => store.adjust('cup', 5, { key: 'adjusted' }),
    ]
    for (const call of calls) await expect(call()).rejects.toThrow(/equal or smaller than the target stream/)
    expect(await store.dump()).toEqual(before)
  })
})
