#!lua flags=allow-oom
-- survey: reads a part of a store together with the position the store is at: what it returns is
-- the state right after that entry. Changes nothing.
--
-- KEYS: position, stock, skus, reservations, deadlines, finished, keys
-- ARGV: server, what, then a source:
--   `names` and the names wanted of `stock` or of `reservations`
--   `missing` and names, of which those of `stock` are wanted that Redis does not hold
--   `scan`, cursor, count: of `stock`, or of the reservations that `deadlines` or `finished` point at
--   `ids`, cursor, count: of `reservations`
--   `unlike`, then id, record, id, record of open `reservations`, of which those are wanted that are not
--     held with this very record, the deadline it says and no end, or whose key does not lead to them
--   or `sizes`, with nothing after it
-- Returns: `store-fenced` alone, or: position, next cursor ('0' at the end), then
--   for ids: the ids
--   for stock: sku, counts, `listed` when the SKU is in the list of SKUs, in its place
--   for reservations otherwise: id, record, its score in the deadlines, its score among the finished, the reservation
--     that its idempotency key leads to; one more that was made under the key may well be it
--   for sizes: number of reservations, of deadlines, of finished ones
--   with '' for what is not there
local position_key, stock_key, skus_key, reservations_key, deadlines_key, finished_key, keys_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole

local what, source = ARGV[2], ARGV[3]
local sources = {
  stock = { scan = true, names = true, missing = true },
  reservations = { ids = true, names = true, unlike = true },
  deadlines = { scan = true },
  finished = { scan = true },
}
if what == 'sizes' and source or what ~= 'sizes' and not (sources[what] and sources[what][source]) then
  error('this cannot be surveyed')
end
local result = { epoch .. '-' .. sequence, '0' }

if what == 'sizes' then
  result[3] = tostring(redis.call('HLEN', reservations_key))
  result[4] = tostring(redis.call('ZCARD', deadlines_key))
  result[5] = tostring(redis.call('ZCARD', finished_key))
  return result
end

local function read_scores(key, names)
  local scores = {}
  for first = 1, #names, fields_per_call_max do
    local last = math.min(first + fields_per_call_max - 1, #names)
    local part = redis.call('ZMSCORE', key, unpack(names, first, last))
    for i = 1, #part do
      scores[first + i - 1] = part[i]
    end
  end
  return scores
end

local scans = {
  stock = { 'HSCAN', stock_key },
  reservations = { 'HSCAN', reservations_key },
  deadlines = { 'ZSCAN', deadlines_key },
  finished = { 'ZSCAN', finished_key },
}
local names, values = {}, nil
if source == 'scan' or source == 'ids' then
  if not string.find(ARGV[4], '^%d+$') then
    error('the cursor is not one')
  end
  local scan = scans[what]
  local reply = redis.call(scan[1], scan[2], ARGV[4], 'COUNT', whole(ARGV[5], 'the count'))
  result[2] = reply[1]
  local pairs_found = reply[2]
  for i = 1, #pairs_found, 2 do
    names[#names + 1] = pairs_found[i]
  end
  if source == 'ids' then
    for i = 1, #names do
      result[i + 2] = names[i]
    end
    return result
  end
  if scan[1] == 'HSCAN' then
    values = {}
    for i = 2, #pairs_found, 2 do
      values[#values + 1] = pairs_found[i]
    end
  end
elseif source == 'unlike' then
  if #ARGV % 2 == 0 then
    error('an id comes without its record')
  end
  for i = 4, #ARGV, 2 do
    names[#names + 1] = ARGV[i]
  end
else
  names = { unpack(ARGV, 4) }
end
if source == 'missing' then
  local found = read_fields(stock_key, names)
  local missing = {}
  for i = 1, #names do
    if not found[i] then
      missing[#missing + 1] = names[i]
    end
  end
  names = missing
end

if what == 'stock' then
  values = values or read_fields(stock_key, names)
  local listed = read_scores(skus_key, names)
  for i = 1, #names do
    result[#result + 1] = names[i]
    result[#result + 1] = values[i] or ''
    result[#result + 1] = listed[i] == '0' and 'listed' or ''
  end
  return result
end
values = values or read_fields(reservations_key, names)

local function key_of(record)
  return record and string.match(record, '^%l+\t%d+%-%d+\t%d+\t%d+\t%d*\t1?\t[^\t]*\t([^\t]+)\t')
end

-- For each reservation with a key, whose key that is.
local function read_makers()
  local keys, numbers, makers = {}, {}, {}
  for i = 1, #names do
    local key = key_of(values[i])
    if key then
      keys[#keys + 1] = key
      numbers[#keys] = i
    end
  end
  local found = read_fields(keys_key, keys)
  for k = 1, #keys do
    local name, maker = names[numbers[k]], found[k]
    if maker and maker ~= name and key_of(redis.call('HGET', reservations_key, maker)) == keys[k] then
      maker = name
    end
    makers[numbers[k]] = maker
  end
  return makers
end

-- Of what `unlike` names, that which is not held as it expects. Each step costs a look-up, so the last one is
-- taken for those alone that are alike so far.
local function find_unlike()
  local argv, alike, keys, numbers = ARGV, {}, {}, {}
  local deadlines, finished = read_scores(deadlines_key, names), read_scores(finished_key, names)
  for i = 1, #names do
    local record = values[i]
    if record and record == argv[3 + 2 * i] and not finished[i] then
      local expires_at, key = string.match(record, '^held\t%d+%-%d+\t%d+\t(%d+)\t\t\t\t([^\t]*)\t')
      alike[i] = expires_at and deadlines[i] == expires_at
      if alike[i] and key ~= '' then
        keys[#keys + 1] = key
        numbers[#keys] = i
      end
    end
  end
  local found = read_fields(keys_key, keys)
  for k = 1, #keys do
    alike[numbers[k]] = found[k] == names[numbers[k]]
  end
  local unlike, unlike_values = {}, {}
  for i = 1, #names do
    if not alike[i] then
      unlike[#unlike + 1] = names[i]
      unlike_values[#unlike] = values[i]
    end
  end
  return unlike, unlike_values
end

if source == 'unlike' then
  names, values = find_unlike()
end
local makers = read_makers()
local deadlines, finished = read_scores(deadlines_key, names), read_scores(finished_key, names)

for i = 1, #names do
  result[#result + 1] = names[i]
  result[#result + 1] = values[i] or ''
  result[#result + 1] = deadlines[i] or ''
  result[#result + 1] = finished[i] or ''
  result[#result + 1] = makers[i] or ''
end
return result
