import { useEffect, useRef } from 'preact/hooks'
import { call } from '../api-client.js'
import type { Stock, StockPage } from '../contract.js'
import { plural } from '../figures.js'
import { stock as liveStock, newestPulse, watch } from '../live.js'
import { go, href, skuHref } from '../route.js'
import { storeName } from '../session.js'
import { useCall } from '../use-call.js'
import { Count } from './count.js'
import { FirstStock } from './first-stock.js'
import { Pager } from './pager.js'
import { ProblemNote } from './problem-note.js'
import { SkeletonRows } from './skeleton-rows.js'
import { StockBar, StockLegend } from './stock-bar.js'
import './stock-panel.css'

const rowsAPage = 25

/** A page of the SKUs, found by the service; only those that are seen are live. */
export function StockPanel({ search, after }: { search: string; after: string }) {
  const query = new URLSearchParams({ limit: String(rowsAPage) })
  if (search !== '') query.set('search', search)
  if (after !== '') query.set('cursor', after)
  const { body, problem, reload } = useCall(
    (signal) => call<StockPage>('GET', `v1/stock?${query}`, { signal }),
    [query.toString(), storeName.value],
  )
  const skus = body?.items.map(({ sku }) => sku).join() ?? ''
  useEffect(() => watch(skus === '' ? [] : skus.split(',')), [skus])
  useEffect(() => () => watch([]), [])
  const next = body?.nextCursor ?? undefined
  const total = newestPulse.value?.totals?.skus
  useReloadAfter(total, reload)
  const isEmpty = body?.items.length === 0
  return (
    <section class="card stock-panel" aria-labelledby="stock">
      <div class="card-head">
        <h2 id="stock">Stock</h2>
        <span class="muted small headline" role="status">
          {headline(search, after, body, total)}
        </span>
        <StockLegend />
        <Pager
          label="Pages of the stock"
          onFirst={after === '' ? undefined : () => go(href('/', { search }))}
          onNext={next === undefined ? undefined : () => go(href('/', { search, after: next }))}
        />
      </div>
      {problem && <ProblemNote problem={problem} onRetry={reload} />}
      {isEmpty && search === '' && <FirstStock />}
      {isEmpty && search !== '' && (
        <p class="empty">
          No SKU begins with <b>{search}</b>. <a href={href('/')}>Show all</a>
        </p>
      )}
      {!isEmpty && !(problem && !body) && <StockTable items={body?.items} />}
    </section>
  )
}

/** A list that gained a SKU is read again: nobody else tells that one is new. */
function useReloadAfter(total: number | undefined, reload: () => void): void {
  const known = useRef(total)
  useEffect(() => {
    if (known.current !== undefined && total !== undefined && total !== known.current) reload()
    known.current = total ?? known.current
  }, [total, reload])
}

function headline(
  search: string,
  after: string,
  page: StockPage | undefined,
  total: number | undefined,
): string {
  if (!page) return ''
  const more = page.nextCursor === null ? '' : ' and more'
  if (search !== '') return `${plural(page.items.length, 'SKU')}${more} beginning with ${search}`
  if (total === undefined) return ''
  return after === '' ? plural(total, 'SKU') : `${plural(total, 'SKU')}, from ${page.items[0]?.sku ?? after}`
}

function StockTable({ items }: { items: readonly Stock[] | undefined }) {
  const live = liveStock.value
  return (
    <table class="stock-table" aria-busy={items === undefined}>
      <caption class="visually-hidden">Units of each SKU</caption>
      <thead>
        <tr>
          <th scope="col">SKU</th>
          <th scope="col" class="share">
            Share
          </th>
          <th scope="col" class="number">
            Available
          </th>
          <th scope="col" class="number">
            Held
          </th>
          <th scope="col" class="number">
            Sold
          </th>
          <th scope="col" class="number on-hand">
            On hand
          </th>
        </tr>
      </thead>
      <tbody>
        {items ? (
          items.map((item) => <StockRow key={item.sku} counts={live.get(item.sku) ?? item} />)
        ) : (
          <SkeletonRows rows={rowsAPage} columns={6} />
        )}
      </tbody>
    </table>
  )
}

function StockRow({ counts }: { counts: Stock }) {
  const { sku, available, held, sold, onHand } = counts
  return (
    <tr>
      <th scope="row">
        <a href={skuHref(sku)} title={sku}>
          {sku}
        </a>
        <StockBar counts={counts} />
      </th>
      <td class="share">
        <StockBar counts={counts} />
      </td>
      <td class="number">
        <Count value={available} />
      </td>
      <td class="number">
        <Count value={held} />
      </td>
      <td class="number">
        <Count value={sold} />
      </td>
      <td class="number on-hand">
        <Count value={onHand} />
      </td>
    </tr>
  )
}
