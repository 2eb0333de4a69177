import type { FormMessage } from '../use-submission.js'

/** What a form says of its fields, and of what became of it. */
export function FormMessageLine({ id, message }: { id: string; message: FormMessage }) {
  return (
    <p id={id} class={`form-message ${message.kind}`}>
      {message.text}
    </p>
  )
}
