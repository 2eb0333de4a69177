import { useEffect, useRef, useState } from 'preact/hooks'
import { call, describe } from '../api-client.js'
import type { ConsoleInfo, Problem } from '../contract.js'
import { PageTitle } from '../page-title.js'
import { useKey } from '../session.js'
import './key-prompt.css'

/** Asks for the key that calls are to carry, and takes one only when the service does. */
export function KeyPrompt() {
  const [key, setKey] = useState('')
  const [refusal, setRefusal] = useState<Problem | undefined>(undefined)
  const [isAsking, setAsking] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const submit = async () => {
    setAsking(true)
    const answer = await call<ConsoleInfo>('GET', 'v1/console', { key: key.trim() })
    setAsking(false)
    if (answer.ok) return useKey(key.trim())
    setRefusal(answer.problem)
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
        This service shows its figures to whoever has a key for the console. The key stays in this tab and is
        forgotten with it.
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
        aria-invalid={refusal !== undefined}
        aria-describedby="api-key-refusal"
        value={key}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <p id="api-key-refusal" class="key-refusal" role="status">
        {refusal && describe(refusal)}
      </p>
      <button type="submit" class="button primary" aria-disabled={isAsking}>
        Show the console
      </button>
    </form>
  )
}
