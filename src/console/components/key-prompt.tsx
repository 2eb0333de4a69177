import { useEffect, useRef, useState } from 'preact/hooks'
import { call, describe } from '../api-client.js'
import type { ConsoleInfo, Problem } from '../contract.js'
import { PageTitle } from '../page-title.js'
import { apiKey, keyRefusal, useKey } from '../session.js'
import './key-prompt.css'

/** Why the key that the tab has had is asked for again; nothing when it had none. */
function refusalOfTab(): string {
  const problem = keyRefusal.peek()
  if (apiKey.peek() === '' || !problem) return ''
  return problem.status === 401
    ? 'The key of this tab is no longer valid: it was revoked, or its time has run out.'
    : sentenceFor(problem)
}

function sentenceFor(problem: Problem): string {
  return problem.type === 'urn:holdfast:forbidden'
    ? 'This key is valid, but not for the console: it lacks the scope console.'
    : describe(problem)
}

/** Asks for the key that calls are to carry, and takes one only when the service does. */
export function KeyPrompt() {
  const [key, setKey] = useState('')
  const [refusal, setRefusal] = useState(refusalOfTab)
  const [isAsking, setAsking] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const submit = async () => {
    setAsking(true)
    const answer = await call<ConsoleInfo>('GET', 'v1/console', { key: key.trim() })
    setAsking(false)
    // The key of another store than the address names is a key all the same.
    if (answer.ok || answer.problem.type === 'urn:holdfast:unknown-store') return useKey(key.trim())
    setRefusal(sentenceFor(answer.problem))
    input.current?.select()
  }
  return (
    <form
      class="card key-prompt"
      data-keeps-focus
      onSubmit={(event) => {
        event.preventDefault()
        if (key.trim() !== '' && !isAsking) void submit()
      }}
    >
      <PageTitle title="An API key is needed" />
      <p class="muted">
        This service shows its figures to whoever has a key with the scope <b>console</b>. The key stays in
        this tab and is forgotten with it.
      </p>
      <label for="api-key">API key</label>
      <input
        ref={input}
        id="api-key"
        class="input"
        type="password"
        autocomplete="off"
        spellcheck={false}
        required
        aria-invalid={refusal !== ''}
        aria-describedby="api-key-refusal"
        value={key}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <p id="api-key-refusal" class="key-refusal" role="status">
        {refusal}
      </p>
      <button type="submit" class="button primary" aria-disabled={isAsking}>
        Show the console
      </button>
      <div class="key-hint muted small">
        <p>No key yet? Where Holdfast runs, this makes one and shows it once:</p>
        <pre>
          <code>holdfast keys create --name office --scopes console</code>
        </pre>
        <p>Each name is used once: put yours, or your team’s. The ledger names who changed stock by it.</p>
      </div>
    </form>
  )
}
