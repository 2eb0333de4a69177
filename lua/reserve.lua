#!lua
-- reserve: moves units available -> held for each reservation of a batch, or refuses it.
--
-- Each reservation is judged in order and by itself: the one before it has taken its units, and a
-- refusal changes nothing for its neighbours. Needs free memory (no allow-oom): when Redis is full,
-- holds are what must stop.
--
-- This is the script whose speed is the speed of a sale. Numbers become text once a run where they
-- can (Lua prints a number in 0.2 us), and a reservation makes no table of its own.
--
-- KEYS: position, stock, ledger, reservations, deadlines, keys
-- ARGV: server, then for each reservation: id, idempotency key (or ''), request
-- Returns: `store-fenced` alone, or the time in ms TAB epoch TAB sequence before the batch, then for
-- each reservation one of
--   reserved                           the units are held, from that time, by the next sequence
--   replayed TAB id TAB record         the key made this reservation before
--   idempotency-key-reused TAB position          the key was used with another request
--   unknown-sku TAB position TAB sku,...         these SKUs do not exist
--   insufficient-stock TAB position TAB sku:requested:available,...
--   malformed                          the request is not what the service should have sent
--   unreadable                         the counts of its SKUs, or the record its key made, are damaged
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, keys_key = unpack(KEYS)
-- include position
-- include fields
-- include stock
-- include ledger
-- include lines

local match, find, sub, concat = string.match, string.find, string.sub, table.concat
local first_sequence = sequence
local now_text = tostring(now)

-- The deadline of a time to live in seconds, as text; false for one outside the contract's bounds.
local expiries = {}
local function expiry_of(ttl)
  local expires_at = expiries[ttl]
  if expires_at == nil then
    expires_at = tonumber(ttl) <= 86400 and tostring(now + ttl * 1000)
    expiries[ttl] = expires_at
  end
  return expires_at
end

-- What was asked for, by the number of the call; a call that is malformed has no cart.
local asked_carts, asked_expiries = {}, {}
local carts_to_load, keys_to_read, calls_with_key = {}, {}, {}
local count = (#ARGV - 1) / 3
if count % 1 ~= 0 then
  error('a reservation takes an id, a key and a request')
end
for call = 1, count do
  local id, key, request = ARGV[3 * call - 1], ARGV[3 * call], ARGV[3 * call + 1]
  local ttl, lines = match(request, '^([1-9]%d?%d?%d?%d?)\t([^\t]+)\t%C*\t%C*$')
  local cart = lines and parse_lines(lines)
  local expires_at = cart and expiry_of(ttl)
  if expires_at and id ~= '' and not find(id, '%c') and not find(key, '%c') then
    asked_carts[call] = cart
    asked_expiries[call] = expires_at
    if not cart.listed then
      cart.listed = true
      carts_to_load[#carts_to_load + 1] = cart
    end
    if key ~= '' then
      keys_to_read[#keys_to_read + 1] = key
      calls_with_key[#calls_with_key + 1] = call
    end
  end
end
local unreadable_skus = {}
load_stock(distinct_skus(carts_to_load), unreadable_skus)
local known_ids = {}
local ids_by_key = read_fields(keys_key, keys_to_read)
local has_repeat = false
for i = 1, #calls_with_key do
  known_ids[calls_with_key[i]] = ids_by_key[i]
  has_repeat = has_repeat or ids_by_key[i]
end
if has_repeat then
  -- A repeat is told whether MySQL holds what it made.
  -- include unturned
end

-- What this run has reserved under each key, so that a key given twice in one batch is one effect.
local new_ids, new_records = {}, {}
local records, deadlines, keys = {}, {}, {}

-- Whether a record can be read, as the scripts judge it that change it. Only a repeat makes these tables.
local function is_record(text)
  local states = { held = true, confirmed = true, released = true, expired = true }
  local time_digits_max = 15
  local state, created_at, expires_at, closed_at, lines = match(
    text,
    '^(%l+)\t%d+%-%d+\t(%d+)\t(%d+)\t(%d*)\t1?\t[^\t]*\t[^\t]*\t%d+\t([^\t]+)\t[^\t]*\t[^\t]*$'
  )
  return states[state]
    and math.max(#created_at, #expires_at, #closed_at) <= time_digits_max
    and parse_lines(lines)
end

local function replay(request, id, record)
  if not record or not is_record(record) then
    return 'unreadable'
  end
  if sub(record, -#request - 1) == '\t' .. request then
    return 'replayed\t' .. id .. '\t' .. record
  end
  return judged('idempotency-key-reused')
end

-- Whether every line of the cart can be served.
local function is_available(cart)
  for i = 1, #cart.skus do
    local count = available[cart.skus[i]]
    if not count or count < cart.quantities[i] then
      return false
    end
  end
  return true
end

-- The reply of a cart that cannot be served.
local function refuse(cart)
  local unknown, short = {}, {}
  for i = 1, #cart.skus do
    local sku, quantity = cart.skus[i], cart.quantities[i]
    local count = available[sku]
    if unreadable_skus[sku] then
      return 'unreadable'
    elseif not count then
      unknown[#unknown + 1] = sku
    elseif count < quantity then
      short[#short + 1] = sku .. ':' .. quantity .. ':' .. count
    end
  end
  if #unknown > 0 then
    return judged('unknown-sku', concat(unknown, ','))
  end
  return judged('insufficient-stock', concat(short, ','))
end

-- Moves the units of a cart and returns its lines for the ledger.
local function hold(cart)
  local skus, quantities = cart.skus, cart.quantities
  local lines = move(skus[1], quantities[1], -quantities[1], quantities[1], 0)
  for i = 2, #skus do
    lines = lines .. ',' .. move(skus[i], quantities[i], -quantities[i], quantities[i], 0)
  end
  return lines
end

local function reserve(call)
  local id, key, request = ARGV[3 * call - 1], ARGV[3 * call], ARGV[3 * call + 1]
  local cart = asked_carts[call]
  if not cart then
    return 'malformed'
  end
  local known_id = known_ids[call]
  if known_id then
    return replay(request, known_id, redis.call('HGET', reservations_key, known_id))
  end
  if new_ids[key] then
    return replay(request, new_ids[key], new_records[key])
  end
  if not is_available(cart) then
    return refuse(cart)
  end
  local lines = hold(cart)
  local expires_at = asked_expiries[call]
  local record = 'held\t' .. next_position() .. '\t' .. now_text .. '\t' .. expires_at .. '\t\t\t\t' .. key .. '\t' .. request
  append_entry('reserve', id, lines, record)
  local last = #records
  records[last + 1] = id
  records[last + 2] = record
  deadlines[last + 1] = expires_at
  deadlines[last + 2] = id
  if key ~= '' then
    new_ids[key] = id
    new_records[key] = record
    last = #keys
    keys[last + 1] = key
    keys[last + 2] = id
  end
  return 'reserved'
end

local replies = { now_text .. '\t' .. epoch .. '\t' .. first_sequence }
for call = 1, count do
  replies[call + 1] = reserve(call)
end
if #entries > 0 then
  save_entries()
  save_stock()
  call_in_parts('HSET', reservations_key, records)
  call_in_parts('HSET', keys_key, keys)
  call_in_parts('ZADD', deadlines_key, deadlines)
end
return replies
