#!lua flags=allow-oom
-- confirm: moves units held -> sold for each reservation of a batch whose deadline has not passed.
--
-- A payment that lands after the deadline is refused, or, when the caller says `reacquire`, takes
-- its units again if all are still available. A reservation that is overdue and not yet expired is
-- expired first, in the same step, so that both ways of being late leave the same ledger.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished
-- ARGV: server, then for each call: id, paymentRef (or ''), `refuse` or `reacquire`
-- Returns: `store-fenced` alone, or for each call one of
--   confirmed TAB record               paid now, or before by the same payment
--   unknown-reservation TAB position
--   reservation-released TAB position
--   reservation-expired TAB position
--   payment-mismatch TAB position      confirmed with another paymentRef
--   insufficient-stock TAB position TAB sku:requested:available,...
--   malformed                          the call is not what the service should have sent
--   unreadable                         its record, or the counts of its SKUs, are damaged
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include stock
-- include ledger
-- include lines
-- include reservations

local function short_lines(cart)
  local short = {}
  for i = 1, #cart.skus do
    local sku, quantity = cart.skus[i], cart.quantities[i]
    if available[sku] < quantity then
      short[#short + 1] = sku .. ':' .. quantity .. ':' .. available[sku]
    end
  end
  return short
end

local function reacquire(reservation, payment_ref)
  if reservation.state == 'held' then
    close(reservation, 'expired', 'expire')
  end
  local short = short_lines(reservation.cart)
  if #short > 0 then
    return judged('insufficient-stock', table.concat(short, ','))
  end
  reservation.payment_ref = payment_ref
  reservation.reacquired = '1'
  close(reservation, 'confirmed', 'reacquire')
  return 'confirmed\t' .. reservation.record
end

local function confirm(reservation, payment_ref, if_expired)
  if string.find(payment_ref, '%c') or (if_expired ~= 'refuse' and if_expired ~= 'reacquire') then
    return 'malformed'
  end
  if reservation == nil then
    return judged('unknown-reservation')
  end
  if not is_sound(reservation) then
    return 'unreadable'
  end
  if reservation.state == 'confirmed' then
    if payment_ref ~= '' and payment_ref ~= reservation.payment_ref then
      return judged('payment-mismatch')
    end
    return 'confirmed\t' .. reservation.record
  end
  if reservation.state == 'released' then
    return judged('reservation-released')
  end
  if reservation.state == 'expired' or now >= reservation.expires_at then
    return if_expired == 'reacquire' and reacquire(reservation, payment_ref) or judged('reservation-expired')
  end
  reservation.payment_ref = payment_ref
  close(reservation, 'confirmed', 'confirm')
  return 'confirmed\t' .. reservation.record
end

local ids = {}
for i = 2, #ARGV, 3 do
  ids[#ids + 1] = ARGV[i]
end
local reservations = load_reservations(ids)
local replies = {}
for i = 2, #ARGV, 3 do
  replies[#replies + 1] = confirm(reservations[ARGV[i]], ARGV[i + 1], ARGV[i + 2])
end
save()
return replies
