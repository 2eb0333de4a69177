import type { ComponentChildren } from 'preact'
import type { Drift, Problem, Reconciliation } from '../contract.js'
import { formatCount, formatMs, plural } from '../figures.js'
import { reservationHref, skuHref } from '../route.js'
import { Moment } from './moment.js'
import { ProblemNote } from './problem-note.js'
import './report.css'

interface ReportProps {
  report: Reconciliation | undefined
  problem: Problem | undefined
  /** The store was never reconciled. */
  isNone: boolean
}

/** What a comparison found: Redis and MySQL side by side, and what the ledger says. */
export function Report({ report, problem, isNone }: ReportProps) {
  return (
    <section class="card report" aria-labelledby="report">
      {problem && <ProblemNote problem={problem} />}
      {isNone && (
        <p class="empty">
          <b>No comparison yet.</b> Press “Compare now”; a worker also compares every hour by itself.
        </p>
      )}
      {report && <Found report={report} />}
    </section>
  )
}

function Found({ report }: { report: Reconciliation }) {
  const { id, complete, driftedTotal, repaired, drifted } = report
  const open = driftedTotal - repaired
  return (
    <>
      <div class="card-head">
        <h2 id="report">Report {id}</h2>
        <span class="verdict">
          <span class={`light ${open > 0 ? 'weak' : 'good'}`} aria-hidden="true" />
          {verdict(report)}
        </span>
      </div>
      <dl class="report-facts">
        <Fact name="Begun">
          <Moment at={report.startedAt} />
        </Fact>
        <Fact name="Took">{formatMs(report.tookMs)}</Fact>
        <Fact name="At position">{report.position}</Fact>
        <Fact name={complete ? 'Compared' : 'Compared in part'}>
          {plural(report.checked.skus, 'SKU')}, {plural(report.checked.reservations, 'reservation')}
        </Fact>
      </dl>
      {drifted.length > 0 && <Drifts drifted={drifted} />}
      {drifted.length < driftedTotal && (
        <p class="empty muted">
          The first {formatCount(drifted.length)} of {plural(driftedTotal, 'difference')} are kept in the
          report.
        </p>
      )}
    </>
  )
}

function verdict({ complete, driftedTotal, repaired }: Reconciliation): string {
  if (driftedTotal === 0) return complete ? 'Redis and MySQL agree' : 'Redis and MySQL agree in this part'
  if (repaired === driftedTotal) return `${plural(driftedTotal, 'difference')}, all repaired`
  return repaired > 0
    ? `${plural(driftedTotal, 'difference')}, ${formatCount(repaired)} repaired`
    : `${plural(driftedTotal, 'difference')}, none repaired`
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Drifts({ drifted }: { drifted: readonly Drift[] }) {
  return (
    <table class="drifts">
      <caption class="visually-hidden">Differences</caption>
      <thead>
        <tr>
          <th scope="col">Where</th>
          <th scope="col" class="value">
            Redis
          </th>
          <th scope="col" class="value">
            MySQL
          </th>
          <th scope="col" class="value">
            Ledger says
          </th>
          <th scope="col" class="settled">
            Repaired
          </th>
        </tr>
      </thead>
      <tbody>
        {drifted.map((drift, i) => (
          <DriftRows
            key={`${drift.sku} ${drift.reservationId} ${drift.field}`}
            drift={drift}
            // Of several figures of one SKU, the last tells why for all of them.
            hasCause={explanation(drift) !== explanation(drifted[i + 1])}
          />
        ))}
      </tbody>
    </table>
  )
}

/** Where the difference is, and why; undefined where there is none. */
function explanation(drift: Drift | undefined): string | undefined {
  return drift && [drift.sku ?? drift.reservationId, drift.cause, drift.unrepaired ?? ''].join(' ')
}

function DriftRows({ drift, hasCause }: { drift: Drift; hasCause: boolean }) {
  const { sku, reservationId, field, redis, mysql, expected, cause, repaired, unrepaired } = drift
  return (
    <>
      <tr>
        <th scope="row">
          <div class="drift-name">
            {sku !== undefined && (
              <a href={skuHref(sku)} title={sku}>
                {sku}
              </a>
            )}
            {reservationId !== undefined && (
              <a class="id" href={reservationHref(reservationId)} title={reservationId}>
                {reservationId}
              </a>
            )}{' '}
            <span class="field">{field}</span>
          </div>
        </th>
        <td class="value">
          <Value value={redis} isOff={redis !== expected} />
        </td>
        <td class="value">
          <Value value={mysql} isOff={mysql !== expected} />
        </td>
        <td class="value">
          <Value value={expected} isOff={false} />
        </td>
        <td class="settled">{repaired ? 'yes' : 'no'}</td>
      </tr>
      {hasCause && (
        <tr class="cause">
          <td colSpan={5}>
            {cause}
            {unrepaired !== undefined && ` Not repaired: ${unrepaired}`}
          </td>
        </tr>
      )}
    </>
  )
}

/** What differs from what the ledger says is marked by more than a colour. */
function Value({ value, isOff }: { value: Drift['redis']; isOff: boolean }) {
  const text = value === null ? 'nothing' : typeof value === 'number' ? formatCount(value) : value
  return isOff ? (
    <mark title={`${text}: differs from what the ledger says`}>{breakable(text)}</mark>
  ) : (
    <span title={text}>{breakable(text)}</span>
  )
}

/** A count in a narrow column goes on in the next line, behind a comma. */
function breakable(text: string) {
  return text.split(/(?<=,)/).map((part, i) => [i > 0 && <wbr />, part])
}
