// Runs rounds of faults, a test each, and ends with the line `N passed, N failed`:
//   npm run test:faults -- [--rounds N] [--seed S] [--kind K] [--short] [--mutants | --mutant NAME]
import { parseArgs } from 'node:util'
import { runToTotals } from '../support/totals.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string' },
    kind: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
for (const [name, value] of Object.entries({ rounds: values.rounds, seed: values.seed, kind: values.kind })) {
  if (value !== undefined && !/^\d{1,9}$/.test(value)) {
    console.error(`--${name} takes a whole number, not "${value}".`)
    process.exit(2)
  }
}
const options = {
  rounds: values.rounds === undefined ? undefined : Number(values.rounds),
  seed: values.seed === undefined ? undefined : Number(values.seed),
  kind: values.kind === undefined ? undefined : Number(values.kind),
  mutants: values.mutants || values.mutant !== undefined,
  mutant: values.mutant,
  short: values.short,
}
process.env.HOLDFAST_FAULTS = JSON.stringify(options)
const file = options.mutants ? 'mutants.faults.ts' : 'rounds.faults.ts'
await runToTotals([`test/faults/${file}`], { config: 'test/faults/vitest.config.ts' })
