import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Builds the console's page once for a whole run: every API of the run serves it. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build-console.js'], { cwd: root, stdio: 'inherit' })
}
