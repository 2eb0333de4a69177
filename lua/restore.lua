#!lua flags=allow-oom
-- restore: writes a part of what MySQL holds into a store that was cleared for this epoch. All of it is
-- checked before the first write.
--
-- KEYS: position, stock, skus, reservations, deadlines, finished, keys
--   and for each adjustment, in their order, its key
-- ARGV: server, epoch, then for each SKU: `stock`, sku, `available held sold`, '', ''
--   for each reservation: its state, id, record, deadline or end in ms, idempotency key (or '')
--   for one that ended and is damaged in MySQL: `unreadable`, id, '', end in ms, idempotency key (or '')
--   for each adjustment: `adjustment`, '', what it did (or '' to forget it), ms to remember it, ''
-- Returns: `other-server` alone, or one of
--   restored
--   superseded                         a newer restore has begun or ended
local position_key, stock_key, skus_key, reservations_key, deadlines_key, finished_key, keys_key = unpack(KEYS)
-- include server
-- include fields
-- include whole
-- include lines
-- include reservations
-- include truth

whole(ARGV[2], 'the epoch')
if redis.call('HGET', position_key, 'restoring') ~= ARGV[2] then
  return { 'superseded' }
end
local stock, skus, records, deadlines, finished, keys = {}, {}, {}, {}, {}, {}
local adjustment_keys, adjustments, times = { unpack(KEYS, 8) }, {}, {}

local function add(list, name, value)
  list[#list + 1] = name
  list[#list + 1] = value
end

local function add_stock(sku, counts)
  local available, held, sold = string.match(counts, '^(%d+) (%d+) (%d+)$')
  if not available or not string.find(sku, '^[%w._-]+$') or #sku > 64 then
    error('the counts of ' .. sku .. ' are malformed')
  end
  whole(available, 'the available count')
  whole(held, 'the held count')
  whole(sold, 'the sold count')
  add(stock, sku, counts)
  add(skus, 0, sku)
end

local function add_reservation(state, id, record, time, key)
  local reservation = parse_truth(id, record)
  -- One that is held has no end. By its end, its units would be given back at once.
  local is_whole = reservation.state == state and (state == 'held') == (reservation.closed_at == '')
  if not is_whole or string.find(key, '%c') then
    error('the record of reservation ' .. id .. ' is malformed')
  end
  whole(time, 'the deadline or the end')
  add(records, id, record)
  add(state == 'held' and deadlines or finished, time, id)
  if key ~= '' then
    add(keys, key, id)
  end
end

-- The calls about it, and the repeats of its key, are answered as for a record that was damaged here.
local function add_unreadable(id, time, key)
  if id == '' or string.find(id .. key, '%c') then
    error('the record of reservation ' .. id .. ' is malformed')
  end
  whole(time, 'the end')
  add(records, id, 'unreadable')
  add(finished, time, id)
  if key ~= '' then
    add(keys, key, id)
  end
end

local function add_adjustment(text, time)
  local quantity = string.match(text, '^[%w._-]+\t(-?%d+)\t%C*$')
  if text ~= '' and (not quantity or #quantity > 15 or whole(time, 'the time to remember') == 0) then
    error('an adjustment is malformed')
  end
  adjustments[#adjustments + 1] = text
  times[#times + 1] = time
end

if (#ARGV - 2) % 5 ~= 0 then
  error('a part is made of fives')
end
for i = 3, #ARGV, 5 do
  local kind, name, text, time, key = unpack(ARGV, i, i + 4)
  if kind == 'stock' then
    add_stock(name, text)
  elseif kind == 'adjustment' then
    add_adjustment(text, time)
  elseif kind == 'unreadable' then
    add_unreadable(name, time, key)
  else
    add_reservation(kind, name, text, time, key)
  end
end
if #adjustments ~= #adjustment_keys then
  error('each adjustment has its key')
end
call_in_parts('HSET', stock_key, stock)
call_in_parts('ZADD', skus_key, skus)
call_in_parts('HSET', reservations_key, records)
call_in_parts('ZADD', deadlines_key, deadlines)
call_in_parts('ZADD', finished_key, finished)
call_in_parts('HSET', keys_key, keys)
for i = 1, #adjustments do
  if adjustments[i] == '' then
    redis.call('DEL', adjustment_keys[i])
  else
    redis.call('SET', adjustment_keys[i], adjustments[i], 'PX', times[i])
  end
end
return { 'restored' }
