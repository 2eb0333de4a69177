-- The ledger entries of one script run. They are appended as one record of the stream, whose id is
-- the position of its last entry: `time <ms> entry <text> entry <text> ...`. The sequence is dense.
local entries = {}

-- The position the next entry will have.
local function next_position()
  return epoch .. '-' .. (sequence + 1)
end

-- An outcome as its caller is told it: name TAB the position it is true at, and TAB what it tells.
local function judged(outcome, rest)
  return outcome .. '\t' .. epoch .. '-' .. sequence .. (rest and '\t' .. rest or '')
end

-- Adds an entry. `subject` is the reservation's id, or '' for a change of stock; `rest` is the
-- reservation's record, or the reason and the idempotency key; for a change of stock or a correction
-- who made it comes last, where somebody was named.
local function append_entry(kind, subject, lines, rest)
  sequence = sequence + 1
  entries[#entries + 1] = 'entry'
  entries[#entries + 1] = kind .. '\t' .. subject .. '\t' .. lines .. '\t' .. rest
end

-- Comes before a script's other writes: a stream that somebody else wrote to may refuse the id, and then
-- nothing has moved.
local function save_entries()
  -- As text: some releases of Redis write a round number as 1e+12.
  local newest = string.format('%d', sequence)
  redis.call('XADD', ledger_key, epoch .. '-' .. newest, 'time', string.format('%d', now), unpack(entries))
  redis.call('HSET', position_key, 'sequence', newest)
end
