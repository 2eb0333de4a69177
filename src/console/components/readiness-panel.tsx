import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { announce } from '../announcer.js'
import type { Pulse, Readiness } from '../contract.js'
import { formatSeconds, plural } from '../figures.js'
import { newestPulse, pulses, readiness } from '../live.js'
import { type PartState, partsOf, type ReadinessPart, verdictOf } from '../readiness-parts.js'
import { Sparkline } from './sparkline.js'
import './readiness-panel.css'

/** Whether each part works, with its reasons, and how far MySQL and the expirer are behind. */
export function ReadinessPanel() {
  const report = readiness.value
  const pulse = newestPulse.value
  const verdict = report && verdictOf(report)
  useAnnounced(verdict?.sentence)
  return (
    <section class="card readiness" aria-labelledby="readiness">
      <div class="card-head">
        <h2 id="readiness">Readiness</h2>
        <span class="verdict">
          {verdict ? (
            <>
              <Light state={verdict.state} />
              {verdict.sentence}
            </>
          ) : (
            <span class="muted">–</span>
          )}
        </span>
      </div>
      <PartList report={report} />
      <dl class="lags">
        <Lag
          name="Persistence lag"
          explanation="Changes that Redis holds and MySQL does not yet"
          values={pulses.value.map(({ persistence }) => persistence.entries)}
        >
          {pulse ? formatPersistence(pulse.persistence) : '–'}
        </Lag>
        <Lag
          name="Expiry lag"
          explanation="How long the oldest unpaid reservation is past its deadline"
          values={pulses.value.map(({ expiryLagSeconds }) => expiryLagSeconds)}
        >
          {pulse && pulse.expiryLagSeconds !== null ? formatSeconds(pulse.expiryLagSeconds) : '–'}
        </Lag>
      </dl>
    </section>
  )
}

/** Reasons come and go: the list has its height and scrolls. */
function PartList({ report }: { report: Readiness | undefined }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
    <section class="parts" aria-label="Parts and reasons" tabIndex={0}>
      <ul>
        {(report ? partsOf(report) : []).map((part) => (
          <li key={part.name}>
            <Light state={part.state} />
            <span class="part">{part.name}</span>
            <span class="part-state">{wordFor(part)}</span>
            {part.reasons.map((reason) => (
              <p key={reason}>{reason}</p>
            ))}
          </li>
        ))}
      </ul>
    </section>
  )
}

function wordFor({ state }: ReadinessPart): string {
  return { good: 'works', weak: 'works, but', down: 'does not work' }[state]
}

interface LagProps {
  name: string
  explanation: string
  /** Null where it was not known. */
  values: readonly (number | null)[]
  children: ComponentChildren
}

function Lag({ name, explanation, values, children }: LagProps) {
  return (
    <div>
      <dt title={explanation}>{name}</dt>
      <dd class="lag-course">
        <Sparkline values={values} />
      </dd>
      <dd class="lag-value">{children}</dd>
    </div>
  )
}

function formatPersistence({ entries, seconds }: Pulse['persistence']): string {
  if (entries === null) return '–'
  const behind = plural(entries, 'entry', 'entries')
  return seconds === null || entries === 0 ? behind : `${behind} · ${formatSeconds(seconds)}`
}

function Light({ state }: { state: PartState }) {
  return <span class={`light ${state}`} aria-hidden="true" />
}

/** Says once that selling has stopped, or goes on. */
function useAnnounced(sentence: string | undefined): void {
  const said = useRef<string | undefined>(undefined)
  useEffect(() => {
    if (sentence !== undefined && said.current !== undefined) announce(`${sentence}.`)
    said.current = sentence ?? said.current
  }, [sentence])
}
