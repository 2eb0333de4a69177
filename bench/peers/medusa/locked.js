import { openInventory } from './inventory.js'

/** Its standard of 5 s, over which 64 shoppers' turns at one SKU must not go. */
const timeout = 30

/** Within the lock that Medusa's own workflow takes on the items (`reserveInventoryStep`). */
export function open({ postgresUrl }) {
  return openInventory(postgresUrl, (locking, ids, reserve) => locking.execute(ids, reserve, { timeout }))
}
