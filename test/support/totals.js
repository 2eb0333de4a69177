import { startVitest } from 'vitest/node'

/**
 * Runs tests, prints the line `N passed, N failed` after all else, and ends the process: with status 1
 * if one failed or none ran.
 */
export async function runToTotals(filter, options) {
  // By `exit`, in which servers are ended, and not by the effect of a second signal: npm hands on what a
  // terminal has sent to all of us.
  process.on('SIGINT', () => process.exit(128 + 2))
  process.on('SIGTERM', () => process.exit(128 + 15))
  const vitest = await startVitest('test', filter, { ...options, watch: false })
  let passed = 0
  let failed = 0
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed++
      else if (state !== 'skipped') failed++
    }
    // A file or a group whose set-up failed has tests that did not run.
    failed += module.errors().length
    for (const suite of module.children.allSuites()) failed += suite.errors().length
  }
  failed += vitest.state.getUnhandledErrors().length
  await vitest.close()
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed > 0 || passed === 0 ? 1 : 0)
}
