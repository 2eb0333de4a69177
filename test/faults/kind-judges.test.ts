import { describe, expect, test } from 'vitest'
import type { Call, Event } from './history.js'
import type { Infliction, Scene } from './kinds/fault-kind.js'
import { kinds } from './kinds/kinds.js'

const reserve: Call = { verb: 'reserve', key: 'k', customerId: 'c', lines: [], ttlSeconds: 60 }
const confirm: Call = { verb: 'confirm', id: 'a', paymentRef: 'p', ifExpired: 'refuse' }

/** What a call was answered with: the code of a 503, or a status, or nothing at all. */
type Answer = string | number | undefined

/** @param calls by their times in ms; each is over at once. */
function judge(kind: number, inflictions: Infliction[], calls: [Call, api: number, atMs: number, Answer][]) {
  const events = calls.map(([call, api, startMs, answer], number): Event => {
    if (answer === undefined) return { number, api, call, startMs, lost: 'timeout' }
    const [status, body] =
      typeof answer === 'string' ? [503, { type: `urn:holdfast:${answer}` }] : [answer, {}]
    const contentType = 'application/problem+json'
    const reply = { status, position: '1-1', replayed: false, contentType, retryAfter: '1', body }
    return { number, api, call, startMs, endMs: startMs, reply }
  })
  const scene = { history: { events }, inflictions } as unknown as Scene
  return kinds.find(({ number }) => number === kind)?.judge?.(scene) ?? []
}

const during = (way: string): Infliction => ({ way, fromMs: 100, toMs: 200, tookEffect: true })
const many = (call: Call, answer: Answer, count: number) =>
  Array.from({ length: count }, (): [Call, number, number, Answer] => [call, 0, 150, answer])

describe('a round is found wanting', () => {
  test.each<[what: string, kind: number, way: string, Answer]>([
    ['MySQL is away and holds are put off', 5, 'gone', 'mysql-unavailable'],
    ['MySQL is away and holds are paused for ever', 5, 'frozen', 'holds-paused'],
    ['a worker was killed and calls are put off', 2, 'before its commit, alone', 'store-fenced'],
    ['nothing is broken and calls are put off', 10, 'deadline races', 'redis-unavailable'],
    ['a clock is wrong and calls are put off', 9, 'hosts an hour ahead', 'store-fenced'],
    ['the disk is slow and calls are put off', 7, 'slow', 'redis-unavailable'],
    ['the scripts were flushed and holds are paused', 8, 'scripts flushed', 'memory-full'],
    ['Redis was lost and calls are put off for want of MySQL', 3, 'emptied while down', 'mysql-unavailable'],
    ['a replica was promoted and holds are paused', 4, 'promoted in step', 'holds-paused'],
    ['only APIs restart and calls are put off', 11, 'API and worker', 'redis-unavailable'],
  ])('when %s', (_what, kind, way, answer) => {
    const calls = many(reserve, answer, 1)
    expect(judge(kind, [during(way)], calls).join()).toMatch(/call 0 \(reserve\).* was put off/)
    expect(judge(kind, [during(way)], many(reserve, 201, 1))).toEqual([])
  })

  test('when most calls are shed, or not answered, although all goes on', () => {
    for (const answer of ['overloaded', undefined]) {
      const calls = [...many(confirm, answer, 3), ...many(confirm, 200, 20)]
      expect(judge(5, [during('gone')], calls).join()).toMatch(/3 of 23 calls were shed or not answered/)
      expect(judge(5, [during('gone')], calls.slice(1))).toEqual([])
    }
  })

  test('when one API was killed and the other is out of service', () => {
    const calls: [Call, number, number, Answer][] = [
      [reserve, 0, 150, undefined],
      [reserve, 1, 150, 'redis-unavailable'],
      [reserve, 1, 250, 'redis-unavailable'],
    ]
    const alone = during('the first API alone')
    expect(judge(1, [alone], calls)).toEqual([
      'call 1 (reserve) of API 1 was put off: urn:holdfast:redis-unavailable; without the first API alone the others go on',
    ])
    // What else breaks meanwhile excuses it.
    expect(judge(1, [alone, { ...during('Redis alone'), fromMs: 140 }], calls)).toEqual([])
    expect(judge(1, [during('Redis alone')], calls)).toEqual([])
  })

  test('when calls are lost, but not those that were under way when something else broke', () => {
    const gone: Infliction = { ...during('MariaDB alone'), toMs: 5000 }
    const api: Infliction = { ...during('the first API alone'), fromMs: 4000, toMs: 5000 }
    const lostAt = (atMs: number): [Call, number, number, Answer][] => [
      ...many(confirm, 200, 20),
      ...Array.from({ length: 5 }, (): [Call, number, number, Answer] => [confirm, 0, atMs, undefined]),
    ]
    expect(judge(1, [gone, api], lostAt(3500))).toEqual([])
    expect(judge(1, [gone, api], lostAt(2000)).join()).toMatch(/5 of 25 calls were shed or not answered/)
    expect(judge(1, [gone], lostAt(3500)).join()).toMatch(/5 of 25 calls were shed or not answered/)
  })

  test('when the other API is out of service, too, while the cable of one is cut', () => {
    const cut = during('the first API and Redis: pulled')
    const calls: [Call, number, number, Answer][] = [
      [reserve, 0, 150, 'redis-unavailable'],
      [reserve, 1, 150, 'redis-unavailable'],
      [reserve, 0, 90, 'redis-unavailable'],
    ]
    expect(judge(6, [cut], calls).map((finding) => finding.slice(0, 25))).toEqual([
      'call 2 (reserve) of API 0',
      'call 1 (reserve) of API 1',
    ])
  })

  test('when memory is full and anything but a hold is put off, or a hold for long after', () => {
    const full = during('memory full, as the guard sees')
    const calls: [Call, number, number, Answer][] = [
      [reserve, 0, 150, 'holds-paused'],
      [reserve, 0, 150, 'memory-full'],
      [confirm, 0, 150, 'redis-unavailable'],
      [reserve, 0, 5000, 'holds-paused'],
    ]
    expect(judge(8, [full], calls).map((finding) => finding.slice(0, 16))).toEqual([
      'call 2 (confirm)',
      'call 3 (reserve)',
    ])
  })
})
