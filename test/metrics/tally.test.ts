import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Counts, Distributions } from '../../src/metrics/tally.js'

test("a distribution is told as prom-client tells a histogram's, at and beside every bound", async () => {
  const ours = new Registry()
  const theirs = new Registry()
  const bounds = [0.001, 0.25, 1]
  const tally = new Distributions(ours, 'wait_seconds', 'How long.', bounds).child({
    store: 'a"b',
    part: 'x',
  })
  const histogram = new Histogram({
    name: 'wait_seconds',
    help: 'How long.',
    buckets: bounds,
    labelNames: ['store', 'part'],
    registers: [theirs],
  })
  for (const value of [0, 0.001, 0.0011, 0.25, 0.9, 1, 1.1, 1000]) {
    tally.add(value)
    histogram.observe({ store: 'a"b', part: 'x' }, value)
  }
  const lines = (text: string) => text.split('\n').map(sortLabels).sort()
  expect(lines(await ours.metrics())).toEqual(lines(await theirs.metrics()))
})

test('a count is one child for the same labels, and another one for others', async () => {
  const registry = new Registry()
  const counts = new Counts(registry, 'calls_total', 'Calls.')
  counts.child({ store: 'a' }).add()
  counts.child({ store: 'a' }).add(2)
  counts.child({ store: 'b' }).add(0)
  expect(await registry.metrics()).toBe(
    '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{store="a"} 3\ncalls_total{store="b"} 0\n',
  )
})

function sortLabels(line: string): string {
  return line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`)
}
