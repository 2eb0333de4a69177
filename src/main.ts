#!/usr/bin/env node
import { type Config, ConfigError, readConfig } from './config.js'
import { StartupError } from './embedded/startup-error.js'

/** Exit statuses: done; found something wrong; unusable arguments or configuration. */
const done = 0
const unusable = 2

/** @throws ConfigError for arguments or a configuration that cannot be used. */
type RunCommand = (config: Config, args: readonly string[]) => Promise<number>

interface Command {
  summary: string
  /** How its arguments are written; a command without takes none. */
  takes?: string
  /** Reads the command's own modules, and no others: most commands need neither the API nor the worker. */
  load(): Promise<RunCommand>
}

const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: 'everything in one process, with a private Redis and MariaDB if none are given',
    load: async () => (await import('./commands/start.js')).runStart,
  },
  api: { summary: 'the HTTP API', load: async () => (await import('./commands/api.js')).runApi },
  worker: {
    summary: 'the ledger writer and the expirer',
    load: async () => (await import('./commands/worker.js')).runWorker,
  },
  migrate: {
    summary: 'bring the tables of MySQL up to date',
    load: async () => (await import('./commands/migrate.js')).runMigrate,
  },
  keys: {
    summary: 'create, list and revoke API keys',
    takes: 'create --name NAME --scopes SCOPE,... [--store NAME] [--expires TIME] | list | revoke NAME',
    load: async () => (await import('./commands/keys.js')).runKeys,
  },
  reconcile: {
    summary: 'compare Redis with MySQL, and correct what differs with --repair',
    takes: '[--repair] [--store NAME]',
    load: async () => (await import('./commands/reconcile.js')).runReconcile,
  },
  restore: {
    summary: 'say what replacing all of Redis by what MySQL holds would lose, and do it with --yes',
    takes: '[--yes] [--store NAME]',
    load: async () => (await import('./commands/restore.js')).runRestore,
  },
  stock: {
    summary: 'write the stock of a store to a CSV file, or set it from one',
    takes: 'export [--file FILE] | import FILE [--dry-run] [--store NAME]',
    load: async () => (await import('./commands/stock.js')).runStock,
  },
  quarantine: {
    summary: 'decide on ledger entries that could not be read',
    takes: 'list | retry ID | discard ID --reason TEXT [--by NAME] [--store NAME]',
    load: async () => (await import('./commands/quarantine.js')).runQuarantine,
  },
  demo: {
    summary: 'replay the 12.12 sale, without Holdfast and with it',
    load: async () => (await import('./commands/demo.js')).runDemo,
  },
}

function usage(): string {
  const lines = Object.entries(commands).flatMap(([name, { summary, takes }]) => [
    `  ${name.padEnd(11)}${summary}`,
    ...(takes ? [`${' '.repeat(13)}${name} ${takes}`] : []),
  ])
  return [
    'Usage: holdfast COMMAND',
    '',
    ...lines,
    '',
    'Settings come from the environment; the README lists them.',
  ].join('\n')
}

function usageOf(name: string, { summary, takes }: Command): string {
  return [`Usage: holdfast ${[name, takes].filter(Boolean).join(' ')}`, '', `  ${summary}`].join('\n')
}

const isHelp = (argument: string) => ['--help', '-h'].includes(argument)

async function main(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args
  if (name === 'help' || isHelp(name)) {
    console.log(usage())
    return done
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) {
    console.error(name === '' ? usage() : `There is no command "${name}".\n\n${usage()}`)
    return unusable
  }
  if (rest.some(isHelp)) {
    console.log(usageOf(name, command))
    return done
  }
  if (rest.length > 0 && !command.takes) {
    console.error(`holdfast ${name} takes no arguments.`)
    return unusable
  }
  try {
    const config = readConfig(process.env)
    const run = await command.load()
    return await run(config, rest)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartupError)) throw error
    console.error(error.message)
    return unusable
  }
}

// Connections that were not closed would keep the process alive after its work, so it is ended.
process.exit(await main(process.argv.slice(2)))
