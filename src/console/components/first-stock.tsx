import { skuHref } from '../route.js'
import { apiKey } from '../session.js'

const sample = 'SNEAKER-42'

/** What to do while nothing is on the shelves. */
export function FirstStock() {
  const url = new URL(`v1/stock/${sample}`, location.origin + location.pathname).href
  const key = apiKey.value === '' ? '' : ` -H 'authorization: Bearer KEY'`
  return (
    <div class="empty">
      <p>
        <b>Nothing is on the shelves yet.</b> Set the first stock from a terminal, or{' '}
        <a href={skuHref(sample)}>set it here</a>.
      </p>
      <pre>
        <code>{`curl -X PUT ${url}${key} -H 'content-type: application/json' -d '{"onHand":100}'`}</code>
      </pre>
    </div>
  )
}
