-- Reads and writes of many fields of a hash, in calls of a bounded number of arguments: Lua's stack
-- takes some 8,000 values.
local fields_per_call_max = 1000

local function read_fields(key, names)
  if #names == 0 then
    return {}
  end
  if #names <= fields_per_call_max then
    return redis.call('HMGET', key, unpack(names))
  end
  local values = {}
  for first = 1, #names, fields_per_call_max do
    local last = math.min(first + fields_per_call_max - 1, #names)
    local part = redis.call('HMGET', key, unpack(names, first, last))
    for i = 1, #part do
      values[first + i - 1] = part[i]
    end
  end
  return values
end

-- `arguments` is what follows the key: name, value, name, value (score, member for ZADD; member
-- for ZREM and HDEL).
local function call_in_parts(command, key, arguments)
  for first = 1, #arguments, fields_per_call_max do
    redis.call(command, key, unpack(arguments, first, math.min(first + fields_per_call_max - 1, #arguments)))
  end
end
