-- bare-script: lua/reserve.lua without ledger, deadline and idempotency key, as carefully written. It
-- checks the same and keeps the reservation, with neither position nor deadline in its record. Redis'
-- CPU a hold is judged against it.
--
-- KEYS: position, stock, reservations
-- ARGV: server, then for each reservation: id, request
-- Returns: the time in ms, then for each reservation `reserved`, or the units available of its first line
local position_key, stock_key, reservations_key = unpack(KEYS)
-- include position
-- include fields
-- include stock
-- include lines

local match, find = string.match, string.find
local now_text = tostring(now)

local ttls = {}
local function is_ttl_allowed(ttl)
  local allowed = ttls[ttl]
  if allowed == nil then
    allowed = tonumber(ttl) <= 86400
    ttls[ttl] = allowed
  end
  return allowed
end

local requested, carts_to_load = {}, {}
for i = 2, #ARGV, 2 do
  local ttl, lines = match(ARGV[i + 1], '^([1-9]%d?%d?%d?%d?)\t([^\t]+)\t%C*\t%C*$')
  local cart = parse_lines(lines)
  if not cart or not is_ttl_allowed(ttl) or find(ARGV[i], '%c') then
    error('malformed')
  end
  requested[i] = cart
  if not cart.listed then
    cart.listed = true
    carts_to_load[#carts_to_load + 1] = cart
  end
end
load_stock(distinct_skus(carts_to_load))

local function is_available(cart)
  for i = 1, #cart.skus do
    if available[cart.skus[i]] < cart.quantities[i] then
      return false
    end
  end
  return true
end

local replies, records = { now }, {}
for i = 2, #ARGV, 2 do
  local cart = requested[i]
  if is_available(cart) then
    for j = 1, #cart.skus do
      local sku, quantity = cart.skus[j], cart.quantities[j]
      available[sku], held[sku] = available[sku] - quantity, held[sku] + quantity
      changed_skus[sku] = true
    end
    local last = #records
    records[last + 1] = ARGV[i]
    records[last + 2] = 'held\t' .. now_text .. '\t' .. ARGV[i + 1]
    replies[#replies + 1] = 'reserved'
  else
    replies[#replies + 1] = tostring(available[cart.skus[1]])
  end
end
if #records > 0 then
  save_stock()
  call_in_parts('HSET', reservations_key, records)
end
return replies
