import { expect, test } from 'vitest'
import { renderSvg } from '../../src/demo/svg-chart.js'
import { renderChart } from '../../src/demo/terminal-chart.js'
import { figures } from './sale-figures.js'

test('the chart in the terminal shows what was sold beyond what was on sale', () => {
  const chart = renderChart(figures())
  expect(chart).toContain(
    [
      `A  on sale          ${'░'.repeat(30)} 10`,
      `   without Holdfast ${'█'.repeat(30)}${'▒'.repeat(12)} 14 (4 too many)`,
      `   with Holdfast    ${'█'.repeat(30)} 10`,
    ].join('\n'),
  )
  expect(chart).toContain(`   with Holdfast    ${'█'.repeat(57)} 19`)
})

test('the SVG names itself, tells its figures in words and follows the colour scheme', () => {
  const svg = renderSvg(figures())
  expect(svg).toContain('role="img" aria-labelledby="title description"')
  expect(svg).toContain('<title id="title">')
  expect(svg).toContain('A: 10 on sale, 14 sold without Holdfast, 10 with it.')
  expect(svg).toContain('@media (prefers-color-scheme: dark)')
  expect(svg.match(/class="over" x="[\d.]+" y="[\d.]+" width/g)?.length).toBe(2)
})

test('the SVG is well formed, even when a name has characters of its own', () => {
  const { naive, holdfast } = figures()
  const renamed = naive.items.map((item) => ({ ...item, sku: 'A<&>"' }))
  const svg = renderSvg({ naive: { ...naive, items: renamed }, holdfast })
  expect(svg).not.toMatch(/A<&/)
  expect(openElements(svg)).toEqual([])
})

/** The elements that are opened and not closed in turn. */
function openElements(xml: string): string[] {
  const open: string[] = []
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name)
    else if (!selfClosing) open.push(name as string)
  }
  return open
}
