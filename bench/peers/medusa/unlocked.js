import { openInventory } from './inventory.js'

/** The module alone, as a shop calls it that has not read Medusa's workflows. */
export function open({ postgresUrl }) {
  return openInventory(postgresUrl, (_locking, _ids, reserve) => reserve())
}
