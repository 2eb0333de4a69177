// Runs commands side by side: `node scripts/at-once.js COMMAND...`, each a line for the shell. Prints what a
// command says once it has ended, so that no two of them are mixed, and ends with status 1 if one failed.
import { spawn } from 'node:child_process'

const statuses = await Promise.all(process.argv.slice(2).map(run))
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1

/** Resolves with its exit status; null when a signal ended it. */
function run(command) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => said.push(text))
  return new Promise((resolve) => {
    child.on('close', (status) => {
      console.log(`$ ${command}`)
      process.stdout.write(Buffer.concat(said))
      resolve(status)
    })
  })
}
