import { endDependents } from '../../src/embedded/parent-exit.js'

/**
 * What the modules of test support leave running is ended by what they add here, once, while they are
 * loaded: many files share them, and a hook of theirs would belong to the first file alone.
 */
export const afterEachTest: (() => void)[] = []
export const afterEachFile: (() => Promise<void>)[] = []

// A run that is interrupted leaves its workers alone with their tests, and without a way to end by `exit`.
process.once('disconnect', endNow)
process.once('SIGTERM', endNow)

function endNow(): void {
  endDependents()
  process.kill(process.pid, 'SIGKILL')
}
