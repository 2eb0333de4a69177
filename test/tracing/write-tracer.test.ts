import { beforeEach, expect, test } from 'vitest'
import type { TracedEntry } from '../../src/stock/traced-entries.js'
import type { TracedWrite } from '../../src/tracing/tracing.js'
import { WriteTracer } from '../../src/tracing/write-tracer.js'

let traced: TracedWrite[]
let tracer: WriteTracer

beforeEach(() => {
  traced = []
  const stop = async () => {}
  tracer = new WriteTracer('main', {
    traceCall: () => undefined,
    traceWrite: (write) => traced.push(write),
    stop,
  })
})

const entry = (sequence: number, sentMs: number, epoch = 1): TracedEntry => ({
  position: { epoch, sequence },
  traceparent: `trace-of-${sequence}`,
  sentMs,
})
const written = (from: number, to: number, endedMs: number, epoch = 1) => ({
  from: { epoch, sequence: from },
  to: { epoch, sequence: to },
  entries: to - from,
  startedMs: endedMs - 10,
  endedMs,
})
const positions = () => traced.map(({ position }) => position)

test('a write is traced for the entries that it wrote, once, whether they were told before it or after', () => {
  tracer.entry(entry(5, 1000))
  tracer.entry(entry(8, 1000))
  tracer.committed(written(4, 7, 1100))
  expect(positions()).toEqual(['1-5'])
  tracer.entry(entry(7, 1050))
  tracer.entry(entry(4, 1050))
  expect(positions()).toEqual(['1-5', '1-7'])
  tracer.committed(written(7, 9, 1200))
  expect(positions()).toEqual(['1-5', '1-7', '1-8'])
  expect(traced[2]).toEqual({
    store: 'main',
    position: '1-8',
    traceparent: 'trace-of-8',
    entries: 2,
    startMs: 1190,
    endMs: 1200,
  })
})

test('an entry of another epoch is another entry', () => {
  tracer.entry(entry(5, 1000, 2))
  tracer.committed(written(4, 7, 1100))
  expect(positions()).toEqual([])
  tracer.committed(written(4, 7, 1200, 2))
  expect(positions()).toEqual(['2-5'])
})

test('a repeat, which tells the entry of a call long before, has no write of its own', () => {
  tracer.committed(written(4, 7, 10_000))
  tracer.entry(entry(5, 20_000))
  expect(positions()).toEqual([])
})

test('what waits while MySQL is away is bounded, the newest of it is traced', () => {
  for (let sequence = 1; sequence <= 10_005; sequence++) tracer.entry(entry(sequence, 1000))
  tracer.committed(written(0, 10_005, 1100))
  expect(traced).toHaveLength(10_000)
  expect(traced[0]?.position).toBe('1-6')
})
