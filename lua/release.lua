#!lua flags=allow-oom
-- release: moves units held -> available for each reservation of a batch that the storefront gives
-- back before its deadline.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished
-- ARGV: server, then for each call: id
-- Returns: `store-fenced` alone, or for each call one of
--   released TAB record                given back now or before
--   unknown-reservation TAB position
--   reservation-confirmed TAB position
--   reservation-expired TAB position
--   unreadable                         its record, or the counts of its SKUs, are damaged
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include stock
-- include ledger
-- include lines
-- include reservations

local function release(reservation)
  if reservation == nil then
    return judged('unknown-reservation')
  end
  if not is_sound(reservation) then
    return 'unreadable'
  end
  if reservation.state == 'confirmed' then
    return judged('reservation-confirmed')
  end
  if reservation.state == 'expired' then
    return judged('reservation-expired')
  end
  if reservation.state == 'held' then
    if now >= reservation.expires_at then
      return judged('reservation-expired')
    end
    close(reservation, 'released', 'release')
  end
  return 'released\t' .. reservation.record
end

local ids = { unpack(ARGV, 2) }
local reservations = load_reservations(ids)
local replies = {}
for i = 1, #ids do
  replies[i] = release(reservations[ids[i]])
end
save()
return replies
