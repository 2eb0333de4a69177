import type { IncomingHttpHeaders } from 'node:http'

/** An address of this machine alone, with or without a port. */
const loopback = String.raw`(?:(?:[\w-]+\.)*localhost\.?|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?`
const loopbackHost = new RegExp(`^${loopback}$`, 'i')
const loopbackOrigin = new RegExp(`^https?://${loopback}$`, 'i')

/**
 * Tells whether a call was meant for this machine, for a service that asks for no key. A web page can
 * make its visitor's browser call loopback, and read the answers too once its own name leads there (DNS
 * rebinding). Such a call still names the page: in Host, in Origin, or in Sec-Fetch-Site (Fetch
 * Metadata). Programs that are no browser send the last two never.
 */
export function localCallJudge(): (headers: IncomingHttpHeaders) => boolean {
  // Nearly every call names the same one, and is spared the pattern.
  let lastHost: string | undefined
  return ({ host, origin, 'sec-fetch-site': site }) => {
    if (host !== lastHost) {
      if (host !== undefined && !loopbackHost.test(host)) return false
      lastHost = host
    }
    return site !== 'cross-site' && (origin === undefined || loopbackOrigin.test(origin))
  }
}
