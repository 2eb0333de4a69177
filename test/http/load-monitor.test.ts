import { afterEach, describe, expect, test } from 'vitest'
import { LoadMonitor, type Shedding } from '../../src/http/load-monitor.js'
import { openLog } from '../../src/log.js'
import { busyFor } from '../support/busy-loop.js'
import { eventually } from '../support/test-store.js'

const log = openLog('silent', 'test')
let monitor: LoadMonitor

afterEach(() => monitor.stop())

describe('a load monitor, when Redis does not answer', () => {
  test('sheds all but what settles a hold, then everything, and nothing once it answers', async () => {
    let answer: (() => void) | undefined
    let isSilent = true
    const ask = () =>
      new Promise<void>((resolve) => {
        answer = resolve
        if (!isSilent) resolve()
      })
    const told = new Set<Shedding>()
    monitor = new LoadMonitor(
      ask,
      { loopLagMsMax: 0, redisLagMsMax: 300 },
      (shedding) => told.add(shedding),
      log,
    )
    const seen: Shedding[] = [monitor.shedding]
    monitor.start()
    const watch = setInterval(() => {
      if (seen.at(-1) !== monitor.shedding) seen.push(monitor.shedding)
    }, 5)
    await eventually(() => seen.at(-1) === 'everything', 'everything is shed')
    expect(seen).toEqual(['nothing', 'unsettling', 'everything'])
    expect([...told]).toEqual(['unsettling', 'everything'])
    isSilent = false
    answer?.()
    await eventually(() => monitor.shedding === 'nothing', 'nothing is shed')
    clearInterval(watch)
  })

  test('sheds nothing when it cannot be reached: calls fail by themselves', async () => {
    let asked = 0
    const ask = () => {
      asked++
      return Promise.reject(new Error('gone'))
    }
    monitor = new LoadMonitor(ask, { loopLagMsMax: 0, redisLagMsMax: 1 }, () => {}, log)
    monitor.start()
    await eventually(() => asked === 4, 'it has looked')
    expect(monitor.shedding).toBe('nothing')
  })

  test('sheds nothing when it is told to watch nothing', async () => {
    monitor = new LoadMonitor(
      () => new Promise(() => {}),
      { loopLagMsMax: 0, redisLagMsMax: 0 },
      () => {},
      log,
    )
    monitor.start()
    for (let i = 0; i < 3; i++) await busyFor(300)
    expect(monitor.shedding).toBe('nothing')
  })
})

describe('a load monitor, when the event loop is late', () => {
  test('takes one pause for what it is, and two in a row for load', async () => {
    let asked = 0
    const ask = async () => {
      asked++
    }
    monitor = new LoadMonitor(ask, { loopLagMsMax: 200, redisLagMsMax: 0 }, () => {}, log)
    monitor.start()
    await eventually(() => asked === 3, 'it has looked')
    await busyFor(600)
    expect(monitor.shedding).toBe('nothing')
    await busyFor(600)
    expect(monitor.shedding).toBe('unsettling')
    await eventually(() => monitor.shedding === 'nothing', 'nothing is shed')
  })
})
