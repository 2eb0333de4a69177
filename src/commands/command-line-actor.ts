import { userInfo } from 'node:os'

/** Who works at the command line, as the ledger names him: `cli:USER`, or `cli` for a user without a name. */
export function commandLineActor(): string {
  try {
    return `cli:${userInfo()
      .username.replace(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, 64)}`
  } catch {
    // A container may run as a number that no user has.
    return 'cli'
  }
}
