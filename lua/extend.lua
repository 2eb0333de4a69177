#!lua flags=allow-oom
-- extend: gives each held reservation of a batch a new deadline, counted from now and bounded by
-- the longest hold, counted from its creation, so that a shopper cannot hold units for ever.
--
-- A call that does not move the deadline later than it is changes nothing: a repeat is harmless and
-- a call never shortens a hold.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished
-- ARGV: server, longest hold in ms, then for each call: id, ttlSeconds
-- Returns: `store-fenced` alone, or for each call one of
--   extended TAB record
--   unknown-reservation TAB position
--   reservation-confirmed TAB position, reservation-released TAB position
--   reservation-expired TAB position
--   extension-limit TAB position TAB latest      the latest deadline it could have, in ms
--   malformed                          the call is not what the service should have sent
--   unreadable                         its record, or the counts of its SKUs, are damaged
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include lines
-- include reservations

local hold_ms_max = whole(ARGV[2], 'the longest hold')

local function extend(reservation, ttl)
  if not string.find(ttl, '^[1-9]%d?%d?%d?%d?$') or tonumber(ttl) > 86400 then
    return 'malformed'
  end
  if reservation == nil then
    return judged('unknown-reservation')
  end
  if not is_sound(reservation) then
    return 'unreadable'
  end
  if reservation.state ~= 'held' then
    return judged('reservation-' .. reservation.state)
  end
  if now >= reservation.expires_at then
    return judged('reservation-expired')
  end
  local expires_at = now + ttl * 1000
  local latest = reservation.created_at + hold_ms_max
  if expires_at > latest then
    return judged('extension-limit', latest)
  end
  if expires_at > reservation.expires_at then
    reservation.expires_at = expires_at
    change(reservation, 'extend')
  end
  return 'extended\t' .. reservation.record
end

local ids = {}
for i = 3, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
end
local reservations = load_reservations(ids)
local replies = {}
for i = 3, #ARGV, 2 do
  replies[#replies + 1] = extend(reservations[ARGV[i]], ARGV[i + 1])
end
save()
return replies
