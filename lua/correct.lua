#!lua flags=allow-oom
-- correct: brings the counts of a SKU to what the ledger says, by an entry of its own.
--
-- The difference between what the ledger says and what Redis held at one position is added to the
-- counts of now, so that the changes made since are kept. The entry moves no units; it says what the counts are from
-- here on, and its reason what they were. Where more was taken than there was, nothing stays available, and the
-- entry's quantity is what is lacking, below 0: for the ledger, that is what is available.
--
-- No other script changes counts that are not readable, so nothing has since they were seen: they are
-- replaced.
--
-- KEYS: position, stock, ledger, skus
-- ARGV: server, run, epoch and sequence of the position the counts were seen at, sku, the text seen
--   in Redis (or ''), the counts that the ledger says (available may be below 0), reason, actor (or '', or none)
-- Returns: `store-fenced` alone, or one of
--   corrected TAB epoch-sequence TAB units   the position of the entry; how many too many were taken
--   outdated                           restored, or corrected by another run, since the position
--   counted-since                      a shelf of the store was counted since the position
--   changed-since                      unreadable or missing counts are not as they were seen
--   would-be-negative
--   malformed
local position_key, stock_key, ledger_key, skus_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include actor
-- include correction

local run, sku, seen, reason, actor = ARGV[2], ARGV[5], ARGV[6], ARGV[8], ARGV[9] or ''
local at_epoch, at_sequence = whole(ARGV[3], 'the epoch'), whole(ARGV[4], 'the sequence')

local function parse_counts(text)
  local a, h, s = string.match(text, '^(%d+) (%d+) (%d+)$')
  if a and #a <= count_digits_max and #h <= count_digits_max and #s <= count_digits_max then
    return { tonumber(a), tonumber(h), tonumber(s) }
  end
end

local sign, truth_text = string.match(ARGV[7], '^(%-?)(.*)$')
local truth = parse_counts(truth_text)
if
  not truth
  or string.find(' ' .. truth_text, ' 0%d')
  or not string.find(sku, '^[%w._-]+$')
  or #sku > 64
  or is_malformed(run, reason)
  or is_no_actor(actor)
then
  return { 'malformed' }
end
if outdated(run, at_epoch, at_sequence) then
  return { 'outdated' }
end
if tonumber(redis.call('HGET', position_key, 'counted') or 0) > at_sequence then
  return { 'counted-since' }
end
if sign == '-' then
  truth[1] = -truth[1]
end
local text = redis.call('HGET', stock_key, sku) or ''
local current, before = parse_counts(text), parse_counts(seen)
if not current then
  if text ~= seen then
    return { 'changed-since' }
  end
  current, before = { 0, 0, 0 }, { 0, 0, 0 }
elseif not before then
  if seen ~= '' then
    return { 'changed-since' }
  end
  before = { 0, 0, 0 }
end
local moves = {}
for i = 1, 3 do
  moves[i] = truth[i] - before[i]
end
local short = math.max(0, -(current[1] + moves[1]))
moves[1] = moves[1] + short
if current[2] + moves[2] < 0 or current[3] + moves[3] < 0 then
  return { 'would-be-negative' }
end
available[sku], held[sku], sold[sku] = unpack(current)
local line = move(sku, -short, unpack(moves))
local rest = reason .. '; before this entry ' .. table.concat(current, ' ') .. '\t'
append_entry('correct', '', line, signed(rest, actor))
save_entries()
save_stock()
redis.call('ZADD', skus_key, 0, sku)
remember_correction(run)
return { string.format('corrected\t%d-%d\t%d', epoch, sequence, short) }
