// Runs the tests and ends with the line `N passed, N failed`. Arguments name files or -t patterns,
// as vitest takes them.
import { parseCLI } from 'vitest/node'
import { runToTotals } from './totals.js'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
await runToTotals(filter, options)
