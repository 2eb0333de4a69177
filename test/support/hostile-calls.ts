import { expect } from 'vitest'
import type { ScriptName } from '../../src/stock/scripts.js'
import type { ScriptStore } from './script-store.js'

export type Call = [script: ScriptName, ...args: (string | number)[]]

/** What Lua's own `tonumber` takes, or rounds, and what it does not. */
export const notNumbers = [
  ...['nan', '-nan', 'inf', '-inf', '1e3', '0x10', '1.5', '1.0', '+1', ' 1', '1 ', '1\n', '1\0', ''],
  ...['9007199254740993', '99999999999999999999', 'ten', '١', '01'],
]
/** What no actor is called. */
export const notActors = [' ', 'a b', 'ä', 'a\tb', 'a\n', 'a\0', 'a,b', 'a/b', 'x'.repeat(81)]
export const controls = ['\t', '\n', '\r', '\0', '\x1b', '\x7f']

/** Each call must answer `malformed` (or the outcome named) or fail, and change nothing. */
export async function expectHarmless(
  store: ScriptStore,
  calls: readonly Call[],
  allowed = /^malformed$/,
): Promise<void> {
  const before = await store.dump()
  for (const call of calls) {
    const replies = await store.run(...call).catch((error: Error) => [`error ${error.name}`])
    const what = JSON.stringify(call)
    // A batch of reservations answers with its header first.
    for (const reply of replies.length > 1 ? replies.slice(1) : replies) {
      expect(/^error ReplyError$/.test(reply) || allowed.test(reply), `${what} answered ${reply}`).toBe(true)
    }
    expect(await store.dump(), `${what} changed something`).toEqual(before)
  }
}
