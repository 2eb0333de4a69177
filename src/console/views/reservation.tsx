import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { call } from '../api-client.js'
import { Moment } from '../components/moment.js'
import { ProblemNote } from '../components/problem-note.js'
import { StateLabel } from '../components/state-label.js'
import { Story } from '../components/story.js'
import type { Reservation } from '../contract.js'
import { formatCount, formatSeconds } from '../figures.js'
import { useLedgerStory } from '../ledger-story.js'
import { stock, watch } from '../live.js'
import { PageTitle } from '../page-title.js'
import { skuHref } from '../route.js'
import { useCall } from '../use-call.js'
import './reservation.css'

/** Between two looks at whether MySQL holds it. */
const persistedLookMs = 2000

/** A reservation: whose it is, until when, what became of it, and its story from the ledger. */
export function ReservationView({ id }: { id: string }) {
  const { body, problem, reload } = useCall(
    (signal) => call<Reservation>('GET', `v1/reservations/${encodeURIComponent(id)}`, { signal }),
    [id],
  )
  const skus = body?.lines.map(({ sku }) => sku).join() ?? ''
  useEffect(() => {
    watch(skus === '' ? [] : skus.split(','))
    return () => watch([])
  }, [skus])
  // Whatever changes it changes the counts of its SKUs.
  useReloadAfter(body?.state === 'held' ? JSON.stringify([...stock.value.values()]) : '', reload)
  const isUnpersisted = body?.persisted === false
  useEffect(() => {
    if (!isUnpersisted) return
    const timer = setInterval(reload, persistedLookMs)
    return () => clearInterval(timer)
  }, [isUnpersisted, reload])
  const story = useLedgerStory({ reservationId: id }, body && [body.state, body.expiresAt])
  return (
    <>
      <PageTitle title="Reservation" />
      <p class="id muted">{id}</p>
      {problem && <ProblemNote problem={problem} onRetry={reload} />}
      <div class="reservation">
        {!(problem && !body) && <Facts reservation={body} />}
        {!(problem && !body) && <Lines reservation={body} />}
        <Story about={{ reservationId: id }} story={story} />
      </div>
    </>
  )
}

/** Between two looks while its SKUs keep changing. */
const changeLookMs = 500

/** Reads it again after a change, but not after each of many. */
function useReloadAfter(change: string, reload: () => void): void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    if (change === '' || timer.current !== undefined) return
    timer.current = setTimeout(() => {
      timer.current = undefined
      reload()
    }, changeLookMs)
  }, [change, reload])
  useEffect(() => () => clearTimeout(timer.current), [])
}

function Facts({ reservation }: { reservation: Reservation | undefined }) {
  return (
    <section class="card reservation-facts" aria-label="Facts">
      <dl>
        <Fact name="State">
          {reservation && (
            <>
              <StateLabel state={reservation.state} />
              {reservation.reacquired && (
                <span class="muted" title="Paid after its deadline: its units were taken again.">
                  {' '}
                  late
                </span>
              )}
            </>
          )}
        </Fact>
        <Fact name="Customer">{reservation?.customerId}</Fact>
        <Fact name="Order">{reservation && (reservation.orderId ?? '–')}</Fact>
        <Fact name="Made">{reservation && <Moment at={reservation.createdAt} />}</Fact>
        <Fact name={reservation?.state === 'held' ? 'Deadline' : 'Deadline was'}>
          {reservation && (
            <>
              <Moment at={reservation.expiresAt} />
              {reservation.state === 'held' && <Remaining until={reservation.expiresAt} />}
            </>
          )}
        </Fact>
        <Fact name="Ended">
          {reservation && (reservation.closedAt ? <Moment at={reservation.closedAt} /> : '–')}
        </Fact>
        <Fact name="Payment">{reservation && (reservation.paymentRef ?? '–')}</Fact>
        <Fact name="In MySQL">{reservation && wordForPersisted(reservation.persisted)}</Fact>
      </dl>
    </section>
  )
}

function wordForPersisted(persisted: boolean | undefined): string {
  if (persisted === undefined) return '–'
  return persisted ? 'yes' : 'not yet'
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children ?? <span class="skeleton" />}</dd>
    </div>
  )
}

/** How long is left, counted down by the viewer's clock: a hint, for Redis' clock decides. */
function Remaining({ until }: { until: string }) {
  const [nowMs, setNowMs] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.floor((Date.parse(until) - nowMs) / 1000)
  return <span class="muted"> {seconds > 0 ? `in ${formatSeconds(seconds)}` : 'about to expire'}</span>
}

function Lines({ reservation }: { reservation: Reservation | undefined }) {
  return (
    <section class="card reservation-lines" aria-label="Lines">
      <table>
        <caption class="visually-hidden">What is reserved</caption>
        <thead>
          <tr>
            <th scope="col">SKU</th>
            <th scope="col" class="number">
              Units
            </th>
          </tr>
        </thead>
        <tbody>
          {reservation?.lines.map(({ sku, quantity }) => (
            <tr key={sku}>
              <td>
                <a href={skuHref(sku)} title={sku}>
                  {sku}
                </a>
              </td>
              <td class="number">{formatCount(quantity)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
