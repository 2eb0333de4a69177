import { type Config, ConfigError } from '../config.js'

/**
 * The stores that `--store NAME` means: all that are configured when it is not given.
 *
 * @throws ConfigError for a store that is not configured.
 */
export function chosenStores(config: Config, store: string | undefined): string[] {
  if (store === undefined) return config.stores
  if (config.stores.includes(store)) return [store]
  throw new ConfigError(
    `--store must be one of HOLDFAST_STORES (${config.stores.join(', ')}), not "${store}".`,
  )
}
