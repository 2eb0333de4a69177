/**
 * Gives one idempotency key to one submission of a form. The key stays while the effect is unknown, so
 * that pressing the button again after a lost reply has no second effect; another content, or a
 * definite answer, begins a new submission.
 */
export class Submission {
  private key = newKey()
  private content: string | undefined

  keyFor(content: string): string {
    if (this.content !== undefined && this.content !== content) this.key = newKey()
    this.content = content
    return this.key
  }

  /** The service has answered: what is sent next is something new. */
  settle(): void {
    this.key = newKey()
    this.content = undefined
  }
}

/** Not `crypto.randomUUID`, which pages that came over plain HTTP do not have. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
