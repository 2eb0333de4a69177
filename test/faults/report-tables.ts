import { kinds } from './kinds/kinds.js'
import { mutants } from './mutants.js'
import type { FaultFigures, Figures, RoundFigures } from './report.js'

/** Puts the tables of the figures between their markers in docs/faults.md, and leaves the rest. */
export function renderTables(page: string, { rounds, mutants: caught }: FaultFigures): string {
  const tables = {
    run: rounds
      ? `The last whole run, of ${rounds.date}: seed ${rounds.seed}, ${rounds.tookMinutes} minutes.\n\n${renderTotal(rounds.total)}`
      : 'There was no whole run yet.',
    kinds: renderKinds(rounds),
    mutants: renderMutants(caught?.caughtAfterRounds ?? {}),
  }
  let result = page
  for (const [name, table] of Object.entries(tables)) {
    const [begin, end] = [`<!-- ${name}: written by npm run test:faults -->`, `<!-- end of ${name} -->`]
    const [before, rest] = result.split(begin)
    const after = rest?.split(end)[1]
    if (after === undefined) throw new Error(`docs/faults.md has no place for ${name}`)
    result = `${before}${begin}\n\n${table}\n\n${end}${after}`
  }
  return result
}

function renderTotal(total: Figures): string {
  const { holds, confirms } = total
  return renderTable(
    ['figure', 'number'],
    [
      ['rounds', total.rounds],
      ['rounds failed', total.failed],
      ['rounds skipped', total.skipped],
      ['faults', total.faults],
      ['requests', total.requests],
      ['… without an answer', total.unanswered],
      ['… answered 503', total.unavailable],
      ['ledger entries', total.ledgerEntries],
      ['holds acknowledged', holds.acknowledged],
      ['**holds lost**', `**${holds.lost}**`],
      ['holds gone with a disk, as the contract allows', holds.gone],
      ['payments acknowledged', confirms.acknowledged],
      ['**payments lost**', `**${confirms.lost}**`],
      ['payments gone with a disk, none of them called persisted', confirms.gone],
      ['**units oversold**', `**${total.oversold}**`],
      ['**reservations leaked**', `**${total.leaked}**`],
      ['**differences between Redis and MySQL**', `**${total.drifted}**`],
      ['longest wait after the last heal until all is served again', seconds(total.readyMsMax)],
    ],
  )
}

function renderKinds(run: RoundFigures | undefined): string {
  const rows = kinds.map(({ number, name, about, ways }) => {
    const of = run?.kinds[number]
    const tried = Object.values(run?.ways[number] ?? {}).filter(({ tookEffect }) => tookEffect > 0).length
    const counts = of
      ? [
          of.rounds,
          of.failed,
          of.skipped,
          of.faults,
          `${tried} of ${ways.length}`,
          of.requests,
          seconds(of.readyMsMax),
        ]
      : ['–', '–', '–', '–', `– of ${ways.length}`, '–', '–']
    return [number, about, `[${name}](../test/faults/kinds/${name}.ts)`, ...counts]
  })
  const columns = [
    'kind',
    'what is broken',
    'test',
    'rounds',
    'failed',
    'skipped',
    'faults',
    'ways',
    'requests',
  ]
  return renderTable([...columns, 'ready after'], rows)
}

function renderMutants(caughtAfterRounds: Readonly<Record<string, number | null>>): string {
  const rows = mutants.map(({ name, defect, kind, patches }) => {
    const after = caughtAfterRounds[name]
    const place = patches.map(({ file }) => `\`${file}\``).join(', ')
    const result =
      after === undefined ? 'not run' : after === null ? '**not caught**' : `caught, round ${after}`
    return [name, defect, place, kinds.find(({ number }) => number === kind)?.name ?? '', result]
  })
  return renderTable(['mutant', 'defect', 'where', 'rounds of', 'result'], rows)
}

function renderTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.map(format).join(' | ')} |`
  return [line(columns), `|${' --- |'.repeat(columns.length)}`, ...rows.map(line)].join('\n')
}

function format(cell: string | number): string {
  return typeof cell === 'number' ? cell.toLocaleString('en') : cell
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
