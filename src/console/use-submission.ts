import { useState } from 'preact/hooks'
import { announce } from './announcer.js'
import { type Answer, call, describe, isDefinite } from './api-client.js'
import { Submission } from './submission.js'

export interface FormMessage {
  kind: 'hint' | 'refused' | 'done'
  text: string
}

export interface Submitting {
  message: FormMessage | undefined
  isSending: boolean
  /** Sends what the form holds; while an earlier one is under way, nothing. */
  send(): Promise<void>
  /** Says something about what was typed. */
  say(message: FormMessage | undefined): void
}

/** What became of it: done, refused with nothing changed, or the service did not say. */
export type Outcome = 'done' | 'refused' | 'unknown'

interface SubmissionPlan<T> {
  method: string
  path: string
  body: unknown
  /** What was done, a sentence. */
  tellDone(body: T): string
  /** What to do after an answer that leaves the effect unknown, a sentence. */
  unknown: string
  onAnswer(outcome: Outcome): void
}

/** Sends a form once however often its button is pressed, and says what became of it. */
export function useSubmission<T>(plan: SubmissionPlan<T>): Submitting {
  const [submission] = useState(() => new Submission())
  const [message, setMessage] = useState<FormMessage | undefined>(undefined)
  const [isSending, setSending] = useState(false)
  const send = async () => {
    if (isSending) return
    setSending(true)
    const { method, path, body } = plan
    const idempotencyKey = submission.keyFor(JSON.stringify([path, body]))
    const answer: Answer<T> = await call(method, path, { body, idempotencyKey })
    setSending(false)
    const outcome = answer.ok ? 'done' : isDefinite(answer.problem) ? 'refused' : 'unknown'
    if (outcome !== 'unknown') submission.settle()
    const said = messageFor(plan, answer)
    setMessage(said)
    announce(said.text)
    plan.onAnswer(outcome)
  }
  return { message, isSending, send, say: setMessage }
}

function messageFor<T>(plan: SubmissionPlan<T>, answer: Answer<T>): FormMessage {
  if (answer.ok) return { kind: 'done', text: plan.tellDone(answer.body) }
  const { problem } = answer
  if (isDefinite(problem)) return { kind: 'refused', text: describe(problem) }
  return { kind: 'refused', text: `${describe(problem)} ${plan.unknown}` }
}
