-- What keeps a correction from being applied to another state than the one it was worked out for.
-- A run of the reconciler reads the store at a position and corrects it later; meanwhile the store
-- may have been restored, or another run may have corrected the same.

-- Whether what becomes part of the store's data, and of the ledger, is no text of ours.
local function is_malformed(run, reason)
  return run == '' or #run > 64 or #reason > 200 or string.find(run .. reason, '%c')
end

-- Whether this run's reading, at the position, is still what a correction may rest on.
local function outdated(run, at_epoch, at_sequence)
  if tonumber(epoch) ~= at_epoch then
    return true
  end
  local newest = redis.call('HMGET', position_key, 'corrected', 'correctedBy')
  return newest[1] and newest[2] ~= run and tonumber(newest[1]) > at_sequence
end

-- Remembers that the run corrected the store with the entry just appended.
local function remember_correction(run)
  redis.call('HSET', position_key, 'corrected', string.format('%d', sequence), 'correctedBy', run)
end
