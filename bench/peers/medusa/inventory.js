import { MedusaApp, MedusaAppMigrateUp } from '@medusajs/framework/modules-sdk'
import { newReservation } from '../reservation.js'

const place = 'warehouse'
const connectionsMax = 16
const silent = Object.fromEntries(
  [
    'activity',
    'progress',
    'error',
    'failure',
    'success',
    'silly',
    'debug',
    'verbose',
    'http',
    'info',
    'warn',
    'log',
  ]
    .concat(['panic', 'shouldLog', 'setLogLevel', 'unsetLogLevel'])
    .map((method) => [method, () => {}]),
)

/**
 * Medusa's inventory and locking modules as Medusa itself loads them.
 *
 * @param aroundReserve gets the locking module, the ids of the items, and the call that reserves.
 */
export async function openInventory(postgresUrl, aroundReserve) {
  const database = { clientUrl: postgresUrl, driverOptions: { connection: { ssl: false } } }
  const options = {
    modulesConfig: {
      inventory: { resolve: '@medusajs/inventory', options: { database } },
      locking: { resolve: '@medusajs/locking' },
    },
    sharedResourcesConfig: { database: { ...database, pool: { min: 2, max: connectionsMax } } },
    injectedDependencies: { logger: silent },
    cwd: import.meta.dirname,
  }
  await MedusaAppMigrateUp(options)
  const app = await MedusaApp(options)
  const { inventory, locking } = app.modules
  const items = new Map()

  const level = async (sku) => {
    const [found] = await inventory.listInventoryLevels({ inventory_item_id: items.get(sku) })
    return found
  }
  const reserve = async (request) => {
    const lines = request.lines.map(({ sku, quantity }) => ({
      inventory_item_id: items.get(sku),
      location_id: place,
      quantity,
    }))
    const ids = lines.map((line) => line.inventory_item_id)
    try {
      await aroundReserve(locking, ids, () => inventory.createReservationItems(lines))
    } catch (error) {
      if (error.type !== 'not_allowed') throw error
      return request.lines.map(({ sku, quantity }) => ({ sku, requested: quantity, available: 0 }))
    }
    return newReservation(request)
  }

  return {
    reserve,
    available: async (sku) => {
      const found = await level(sku)
      return Number(found.stocked_quantity) - Number(found.reserved_quantity)
    },
    setStock: async (sku, units) => {
      const item = await inventory.createInventoryItems({})
      items.set(sku, item.id)
      await inventory.createInventoryLevels({
        inventory_item_id: item.id,
        location_id: place,
        stocked_quantity: units,
      })
    },
    close: async () => app.onApplicationShutdown(),
  }
}
