import { expect, test } from 'vitest'
import { readCommandLine } from '../../src/commands/command-line.js'
import { ConfigError } from '../../src/config.js'

const usage = 'holdfast restore [--yes] [--store NAME]'
const options = { yes: { type: 'boolean' }, store: { type: 'string' } } as const
const read = (...args: string[]) => readCommandLine(args, { options }, usage).values

test('options are read, each once', () => {
  expect(read('--store', 'eu', '--yes')).toEqual({ store: 'eu', yes: true })
  expect(read()).toEqual({})
})

test.for([
  [['--yes', '--store', 'main', '--store=eu'], '--store is given twice'],
  [['--yes', '--yes'], '--yes is given twice'],
  [['--force'], "Unknown option '--force'"],
  [['--yes=1'], "Option '--yes' does not take an argument"],
  [['--store'], "Option '--store <value>' argument missing"],
  [['main'], "Unexpected argument 'main'"],
] as const)('%j is refused with the usage and what is wrong', ([args, sentence]) => {
  expect(() => read(...args)).toThrow(ConfigError)
  expect(() => read(...args)).toThrow(`${usage}\n${sentence}`)
})
