/**
 * The bounds of the contract. They are part of the API (clients are told them), so they are
 * constants here and not settings; what an operator may tune lives in `config.ts`.
 */
export const linesPerReservationMax = 50
export const quantityMax = 1_000_000
export const ttlSecondsMax = 86_400
/** The largest count a SKU may have in any state, and the largest adjustment. */
export const countMax = 1_000_000_000_000
export const bodyBytesMax = 64 * 1024
/** Of all headers of a call together, with its first line. */
export const headerBytesMax = 16 * 1024
export const pageItemsMax = 500
export const pageItemsDefault = 100
/** Lines of a file of stock. What is read of one is kept until it is applied: some 200 bytes a line. */
export const stockFileLinesMax = 1_000_000

export const skuPattern = '^[A-Za-z0-9._-]{1,64}$'
export const storePattern = '^[A-Za-z0-9._-]{1,64}$'
export const apiKeyNamePattern = '^[A-Za-z0-9._-]{1,64}$'
/** Keys that are valid at once: each process holds all of them. */
export const apiKeysMax = 1000
/** Who made a change of stock: the name of an API key, or `cli:USER` of the command line. */
export const actorPattern = '^[A-Za-z0-9._:-]{1,80}$'
/** Printable ASCII without spaces: what every HTTP client can send in a header unchanged. */
export const idempotencyKeyPattern = '^[\\x21-\\x7e]{1,255}$'
/**
 * Text a client may attach (customer, order, payment, reason): no control characters, because
 * records and ledger entries separate their fields by TAB, and no lone surrogates, because Redis
 * and MySQL store UTF-8 and could not give them back.
 */
export const textPattern = '^[^\\p{Cc}\\p{Cs}]*$'
export const textLengthMax = 128
