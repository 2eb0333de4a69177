#!lua flags=allow-oom
-- verify: compares this Redis server's ledger with MySQL, and lifts the fence when it is sound and the
-- caller says `open`; a server that is open and not sound is fenced at once. The first start of a store,
-- when neither holds anything, opens its ledger with epoch 1.
--
-- A ledger is sound when it is not behind the watermark, has every entry after it, and knows of the
-- takeover by the last owner that was opened: data of a server that was away while another one sold may
-- well be longer, and is another history. So may the data of a server that was made a replica and
-- promoted again since it was opened, by the same process with the same run id; it says so from then on,
-- whatever process serves it.
--
-- MySQL says that an owner was opened before its data does. So the data notes before (`prepare`) that it is
-- about to be: if it dies in between, its note is what it knows of that takeover by.
--
-- KEYS: position, ledger
-- ARGV: server, the watermark's epoch, the watermark's sequence, the generation, then `look`, `prepare` or `open`,
--   the generation of the last owner that was opened, its run id
-- Returns: `other-server` alone, or one of
--   verified                           it is sound, and open if that was asked for
--   empty                              Redis holds nothing and MySQL does: restore
--   behind TAB epoch-sequence          Redis lost its tail, or missed a takeover: restore
--   turned TAB epoch-sequence          it was a replica since it was opened, in this process or before: restore
--   turned-ahead TAB epoch-sequence    the same, and MySQL lacks entries that it has dropped
--   ahead TAB epoch-sequence           it knows of a newer takeover, or MySQL lacks entries that it has dropped
--   replica                            it is a replica, which cannot serve
--   superseded                         another server took the store over from this one
local position_key, ledger_key = unpack(KEYS)
-- include server
-- include history
-- include whole
local epoch, sequence = whole(ARGV[2], 'the epoch'), whole(ARGV[3], 'the sequence')
local generation = whole(ARGV[4], 'the generation')
local opens, prepares = ARGV[5] == 'open', ARGV[5] == 'prepare'
if not opens and not prepares and ARGV[5] ~= 'look' then
  error('verify looks, prepares or opens')
end
local opened_generation = whole(ARGV[6], 'the generation of the last owner that was opened')
local opened_server = ARGV[7] or error('verify needs the run id of the last owner that was opened')

-- Whether the ledger has the entry after the watermark. A record that cannot be read may hold any.
local function has_next(redis_sequence)
  if redis_sequence <= sequence then
    return true
  end
  local first = redis.call('XRANGE', ledger_key, '-', '+', 'COUNT', 1)[1]
  if not first then
    return false
  end
  local entries = 0
  for i = 3, #first[2], 2 do
    entries = entries + (first[2][i] == 'entry' and 1 or 0)
  end
  return entries == 0 or string.match(first[1], '%d+$') - entries <= sequence
end

local function fence()
  if redis.call('HGET', position_key, 'verified') == server then
    redis.call('HDEL', position_key, 'verified')
  end
end

if role ~= 'master' then
  return { 'replica' }
end
local head = redis.call(
  'HMGET', position_key,
  'epoch', 'sequence', 'superseded', 'generation', 'history', 'opening', 'turned'
)
if head[3] then
  return { 'superseded' }
end
if not head[1] or not head[2] then
  if epoch > 0 then
    fence()
    return { 'empty' }
  end
  if opens then
    redis.call(
      'HSET', position_key,
      'epoch', 1, 'sequence', 0, 'generation', generation, 'verified', server, 'history', history
    )
  end
  return { 'verified' }
end
local redis_epoch, redis_sequence = tonumber(head[1]), tonumber(head[2])
local redis_generation = tonumber(head[4] or 0)
if head[6] == opened_generation .. ' ' .. opened_server then
  redis_generation = math.max(redis_generation, opened_generation)
end
local at = '\t' .. head[1] .. '-' .. head[2]
-- A note of a newer takeover, too: whoever made it goes on from what this one would do.
if math.max(redis_generation, tonumber(string.match(head[6] or '', '^%d+') or 0)) > generation then
  return { 'ahead' .. at }
end
local is_behind = redis_generation < opened_generation
  or redis_epoch < epoch
  or (redis_epoch == epoch and redis_sequence < sequence)
local has_turned = head[7] or was_promoted_since(head[5])
if has_turned then
  redis.call('HSET', position_key, 'turned', 1)
end
if is_behind or has_turned then
  fence()
  if is_behind then
    return { 'behind' .. at }
  end
  -- A restore would drop what MySQL held before it was set back.
  return { (has_next(redis_sequence) and 'turned' or 'turned-ahead') .. at }
end
if not has_next(redis_sequence) then
  return { 'ahead' .. at }
end
if prepares then
  redis.call(
    'HSET', position_key,
    'generation', redis_generation, 'opening', generation .. ' ' .. server, 'history', history
  )
  -- The server before this one may become its replica now and have the note: it must not sell with it.
  if redis.call('HGET', position_key, 'verified') ~= server then
    redis.call('HDEL', position_key, 'verified')
  end
elseif opens then
  redis.call('HSET', position_key, 'generation', generation, 'verified', server, 'history', history)
  redis.call('HDEL', position_key, 'opening')
end
return { 'verified' }
