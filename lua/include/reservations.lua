-- Reservations as Redis keeps them: one text each, its fields separated by TAB:
--   state, position, createdAt, expiresAt, closedAt, reacquired, paymentRef, idempotency key,
--   and the request: ttlSeconds, lines, customerId, orderId
-- Times are milliseconds by Redis' clock; an absent field is empty.
local states = { held = true, confirmed = true, released = true, expired = true }
local time_digits_max = 15
local changed_reservations = {}

-- Returns nothing for a text that is no record.
local function parse_record(id, text)
  local state, created_at, expires_at, closed_at, reacquired, payment_ref, key, request, lines = string.match(
    text,
    '^(%l+)\t%d+%-%d+\t(%d+)\t(%d+)\t(%d*)\t(1?)\t([^\t]*)\t([^\t]*)\t(%d+\t([^\t]+)\t[^\t]*\t[^\t]*)$'
  )
  local cart = states[state] and parse_lines(lines)
  if not cart or math.max(#created_at, #expires_at, #closed_at) > time_digits_max then
    return nil
  end
  return {
    id = id,
    state = state,
    created_at = created_at,
    expires_at = tonumber(expires_at),
    closed_at = closed_at,
    reacquired = reacquired,
    payment_ref = payment_ref,
    key = key,
    request = request,
    cart = cart,
    record = text,
  }
end

-- Loads the reservations with the ids in the array, and the counts of all their SKUs. Returns a
-- table from id to reservation; an unknown id stays nil, one whose record cannot be read is false. An id
-- given twice is one reservation.
local function load_reservations(ids)
  local records = read_fields(reservations_key, ids)
  local loaded, list = {}, {}
  for i = 1, #ids do
    if records[i] and loaded[ids[i]] == nil then
      local reservation = parse_record(ids[i], records[i])
      loaded[ids[i]] = reservation or false
      list[#list + 1] = reservation and reservation.cart
    end
  end
  load_stock(distinct_skus(list), {})
  return loaded
end

-- Whether a loaded reservation can be moved: its record and the counts of its SKUs can be read, and the
-- units it holds are there. Damage from outside is then an answer to the call that is about it, and no
-- error that ends its neighbours' as well.
local function is_sound(reservation)
  if not reservation then
    return false
  end
  local cart = reservation.cart
  for i = 1, #cart.skus do
    local count = held[cart.skus[i]]
    if not count or (reservation.state == 'held' and count < cart.quantities[i]) then
      return false
    end
  end
  return true
end

-- The sign with which each kind of entry moves a line's quantity: available, held, sold.
local moves = {
  confirm = { 0, -1, 1 },
  reacquire = { -1, 0, 1 },
  release = { 1, -1, 0 },
  expire = { 1, -1, 0 },
  extend = { 0, 0, 0 },
  correct = { 0, 0, 0 },
}

-- Moves the units of a reservation as the kind of entry says, renders its new record and appends
-- the entry. The caller has set the reservation's new fields and checked that the move is allowed.
-- A `correct` entry gives its reason after the record.
local function change(reservation, kind, reason)
  local signs = moves[kind]
  local cart = reservation.cart
  local lines = {}
  for i = 1, #cart.skus do
    local quantity = cart.quantities[i]
    lines[i] = move(cart.skus[i], quantity, signs[1] * quantity, signs[2] * quantity, signs[3] * quantity)
  end
  reservation.record = reservation.state
    .. '\t' .. next_position()
    .. '\t' .. reservation.created_at
    .. '\t' .. string.format('%d', reservation.expires_at)
    .. '\t' .. reservation.closed_at
    .. '\t' .. reservation.reacquired
    .. '\t' .. reservation.payment_ref
    .. '\t' .. reservation.key
    .. '\t' .. reservation.request
  local rest = reason and reservation.record .. '\t' .. reason or reservation.record
  append_entry(kind, reservation.id, table.concat(lines, ','), rest)
  changed_reservations[reservation.id] = reservation
end

-- Ends a held reservation: its state is final and its deadline is gone.
local function close(reservation, state, kind)
  reservation.state = state
  reservation.closed_at = now
  change(reservation, kind)
end

-- Writes everything the run changed; a run that changed nothing writes nothing.
local function save()
  if #entries == 0 then
    return
  end
  local records, deadlines, ended, finished = {}, {}, {}, {}
  for id, reservation in pairs(changed_reservations) do
    records[#records + 1] = id
    records[#records + 1] = reservation.record
    if reservation.state == 'held' then
      deadlines[#deadlines + 1] = reservation.expires_at
      deadlines[#deadlines + 1] = id
    else
      ended[#ended + 1] = id
      finished[#finished + 1] = reservation.closed_at
      finished[#finished + 1] = id
    end
  end
  save_entries()
  save_stock()
  call_in_parts('HSET', reservations_key, records)
  call_in_parts('ZADD', deadlines_key, deadlines)
  call_in_parts('ZREM', deadlines_key, ended)
  call_in_parts('ZADD', finished_key, finished)
end
