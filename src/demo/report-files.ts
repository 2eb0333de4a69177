import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { naiveCheckout } from './naive-store.js'
import type { SaleSettings } from './sale-plan.js'
import type { Replay } from './sale-replay.js'
import { renderSvg } from './svg-chart.js'

/** Writes `demo.svg` and `demo.json`. @returns their paths. */
export async function writeReport(folder: string, settings: SaleSettings, replay: Replay): Promise<string[]> {
  const { versions, naive, holdfast } = replay
  const report = {
    date: new Date().toISOString(),
    seed: settings.seed,
    machine: { cores: cpus().length },
    versions,
    settings,
    naiveCheckout,
    naive,
    holdfast,
  }
  const files: Record<string, string> = {
    'demo.svg': renderSvg(replay),
    'demo.json': `${JSON.stringify(report, roundNumber, 2)}\n`,
  }
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return Object.keys(files).map((name) => join(folder, name))
}

/** Digits that a clock cannot vouch for are left out. */
function roundNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 100) / 100 : value
}
