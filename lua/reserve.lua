#!lua
-- reserve: moves units available -> held for each reservation of a batch, or refuses it.
--
-- Each reservation is judged in order and by itself: the one before it has taken its units, and a
-- refusal changes nothing for its neighbours. Needs free memory (no allow-oom): when Redis is full,
-- holds are what must stop.
--
-- KEYS: position, stock, ledger, reservations, deadlines, keys
-- ARGV: server, then for each reservation: id, idempotency key (or ''), request
-- Returns: `store-fenced` alone, or for each reservation one of
--   reserved TAB record                the units are held
--   replayed TAB id TAB record         the key made this reservation before
--   idempotency-key-reused             the key was used with another request
--   unknown-sku TAB sku,...            these SKUs do not exist
--   insufficient-stock TAB sku:requested:available,...
--   malformed                          the request is not what the service should have sent
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, keys_key = unpack(KEYS)
-- include position
-- include fields
-- include stock
-- include ledger
-- include lines

local requests = {}
local carts_to_load, keys_to_read, keyed = {}, {}, {}
for i = 2, #ARGV, 3 do
  local id, key, request = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local ttl, lines = string.match(request, '^([1-9]%d?%d?%d?%d?)\t([^\t]+)\t%C*\t%C*$')
  local wanted = { id = id, key = key, request = request, ttl = ttl, cart = lines and parse_lines(lines) }
  requests[#requests + 1] = wanted
  if wanted.cart then
    if not carts_to_load[wanted.cart] then
      carts_to_load[wanted.cart] = true
      carts_to_load[#carts_to_load + 1] = wanted.cart
    end
    if key ~= '' then
      keys_to_read[#keys_to_read + 1] = key
      keyed[#keyed + 1] = wanted
    end
  end
end
load_stock(distinct_skus(carts_to_load))
local known_ids = read_fields(keys_key, keys_to_read)
for i = 1, #keyed do
  keyed[i].known_id = known_ids[i]
end

-- What this run has reserved under each key, so that a key given twice in one batch is one effect.
local reserved_by_key = {}
local records, deadlines, keys = {}, {}, {}

local function replay(wanted, id, record)
  if string.sub(record, -#wanted.request - 1) ~= '\t' .. wanted.request then
    return 'idempotency-key-reused'
  end
  return 'replayed\t' .. id .. '\t' .. record
end

-- Returns the reply of a cart that cannot be served, or nil.
local function refuse(cart)
  local unknown, short = {}, {}
  for i = 1, #cart.skus do
    local sku, quantity = cart.skus[i], cart.quantities[i]
    local count = available[sku]
    if not count then
      unknown[#unknown + 1] = sku
    elseif count < quantity then
      short[#short + 1] = sku .. ':' .. quantity .. ':' .. count
    end
  end
  if #unknown > 0 then
    return 'unknown-sku\t' .. table.concat(unknown, ',')
  end
  if #short > 0 then
    return 'insufficient-stock\t' .. table.concat(short, ',')
  end
end

local function reserve(wanted)
  local id, key, cart = wanted.id, wanted.key, wanted.cart
  if not cart or tonumber(wanted.ttl) > 86400 or id == '' or string.find(id .. key, '%c') then
    return 'malformed'
  end
  if wanted.known_id then
    return replay(wanted, wanted.known_id, redis.call('HGET', reservations_key, wanted.known_id))
  end
  local earlier = reserved_by_key[key]
  if earlier then
    return replay(wanted, earlier.id, earlier.record)
  end
  local refusal = refuse(cart)
  if refusal then
    return refusal
  end
  local lines
  for i = 1, #cart.skus do
    local quantity = cart.quantities[i]
    local line = move(cart.skus[i], quantity, -quantity, quantity, 0)
    lines = lines and lines .. ',' .. line or line
  end
  local expires_at = now + wanted.ttl * 1000
  local record = 'held\t' .. next_position() .. '\t' .. now .. '\t' .. expires_at .. '\t\t\t\t' .. key .. '\t' .. wanted.request
  append_entry('reserve', id, lines, record)
  records[#records + 1] = id
  records[#records + 1] = record
  deadlines[#deadlines + 1] = expires_at
  deadlines[#deadlines + 1] = id
  if key ~= '' then
    wanted.record = record
    reserved_by_key[key] = wanted
    keys[#keys + 1] = key
    keys[#keys + 1] = id
  end
  return 'reserved\t' .. record
end

local replies = {}
for i = 1, #requests do
  replies[i] = reserve(requests[i])
end
if #entries > 0 then
  save_stock()
  call_in_parts('HSET', reservations_key, records)
  call_in_parts('HSET', keys_key, keys)
  call_in_parts('ZADD', deadlines_key, deadlines)
  save_entries()
end
return replies
