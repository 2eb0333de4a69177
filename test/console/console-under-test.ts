import axe from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { type Chromium, openChromium } from '../support/chromium.js'
import { afterEachFile } from '../support/endings.js'

/** What a page must never do, as far as it was seen. */
export interface PageFaults {
  /** Errors on the console, exceptions, and what the page's policy forbade. */
  errors: string[]
  /** Requests to anybody but the service. */
  strangers: string[]
}

export interface ConsolePage {
  page: Page
  faults: PageFaults
}

/** Adds up shifts of the layout that the viewer did not cause, and keeps what the policy forbade. */
const observeScript = `
  window.layoutShifts = []
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue
      const sources = entry.sources.map(({ node, previousRect, currentRect }) =>
        (node?.nodeType === 1 ? node.outerHTML : node?.parentElement?.outerHTML ?? '').slice(0, 120) +
        ' ' + JSON.stringify(previousRect) + ' -> ' + JSON.stringify(currentRect))
      window.layoutShifts.push({ value: entry.value, sources })
    }
  }).observe({ type: 'layout-shift', buffered: true })
  document.addEventListener('securitypolicyviolation', (event) =>
    console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI))`

/** The page lives with the strictest policy there is for one that shows anything. */
const strictestPolicy = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...[
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ],
].join('; ')

let chromium: Chromium | undefined
const contexts: { close(): Promise<void> }[] = []

afterEachFile.push(async () => {
  for (const context of contexts.splice(0)) await context.close()
  await chromium?.close()
  chromium = undefined
})

/** Opens the console of an API that listens. @param options the window, the theme, the motion. */
export async function openConsole(
  url: string,
  path = '',
  options: BrowserContextOptions = {},
): Promise<ConsolePage> {
  chromium ??= await openChromium()
  const browser = chromium.context.browser()
  const context = browser
    ? await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    : chromium.context
  contexts.push(context)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults: PageFaults = { errors: [], strangers: [] }
  page.on('console', (message) => {
    if (message.type() === 'error') faults.errors.push(message.text())
  })
  page.on('pageerror', (error) => faults.errors.push(String(error)))
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) faults.strangers.push(request.url())
  })
  await page.addInitScript(observeScript)
  await page.route(`${url}/`, async (route) => {
    const response = await route.fetch()
    await route.fulfill({
      response,
      headers: { ...response.headers(), 'content-security-policy': strictestPolicy },
    })
  })
  await page.goto(`${url}/${path}`)
  return { page, faults }
}

/** A refused call stands on the browser's console by itself; everything else there is a fault. */
export function expectNoFaults({ errors, strangers }: PageFaults): void {
  expect(errors.filter((error) => !/Failed to load resource: the server responded/.test(error))).toEqual([])
  expect(strangers).toEqual([])
}

export async function expectNoLayoutShift(page: Page): Promise<void> {
  expect(await page.evaluate('window.layoutShifts')).toEqual([])
}

/** The rules of axe for WCAG 2.2, levels A and AA. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const { violations } = (await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  )) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
  const found = violations.map(({ id, nodes }) => [id, ...nodes.map((n) => `${n.html}: ${n.failureSummary}`)])
  expect(found).toEqual([])
}

/** A fact of the list of figures on a view: the text below its name. */
export function figure(page: Page, name: string): Promise<string> {
  return page
    .locator('dl > div', { has: page.locator('dt', { hasText: name }) })
    .locator('dd')
    .first()
    .innerText()
}

/** What a row of a table shows, cell by cell. */
export function row(page: Page, name: string): Promise<string[]> {
  return page.locator('tbody tr', { hasText: name }).first().locator('th, td').allInnerTexts()
}

/** The entries of a story by their kinds, with those that came while it was seen. */
export async function story(page: Page): Promise<string[]> {
  const newer = page.getByRole('button', { name: /^Show \d+ newer$/ })
  if ((await newer.count()) > 0) await newer.click()
  return page.locator('.story .what b').allInnerTexts()
}

/** Expects something of what is read again and again, for a while. */
export const soon = <T>(read: () => T) => expect.poll(read, { timeout: 15_000 })

/** Resolves once the text is seen. */
export async function sees(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor()
}

export async function expectFits(page: Page): Promise<void> {
  const widths = (await page.evaluate(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )) as [number, number]
  expect(widths[0]).toBeLessThanOrEqual(widths[1])
}
