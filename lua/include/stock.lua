-- The counts of the SKUs a script touches: loaded once, changed in these tables, written once.
-- Redis keeps them as one text a SKU, `available held sold`.
local available, held, sold = {}, {}, {}
local changed_skus = {}

-- The digits a count may have: what is moved can then neither round nor outgrow the ledger.
local count_digits_max = 14

-- Loads the counts of the SKUs in the array; one that does not exist stays nil in all three tables.
-- Counts that cannot be read end the script, unless the caller gives a table: it notes their SKUs there,
-- and they stay nil. A batch does so, so that they fail no call but those that are about them.
local function load_stock(skus, unreadable_skus)
  local counts = read_fields(stock_key, skus)
  for i = 1, #skus do
    if counts[i] then
      local a, h, s = string.match(counts[i], '^(%d+) (%d+) (%d+)$')
      if a and #a <= count_digits_max and #h <= count_digits_max and #s <= count_digits_max then
        available[skus[i]], held[skus[i]], sold[skus[i]] = tonumber(a), tonumber(h), tonumber(s)
      elseif unreadable_skus then
        unreadable_skus[skus[i]] = true
      else
        error('the counts of ' .. skus[i] .. ' are malformed')
      end
    end
  end
end

-- Moves units of a SKU and returns the text of the line for the ledger, `sku:quantity:available:
-- held:sold`. A negative count is a broken invariant: the error ends the script before its first
-- write.
local function move(sku, quantity, available_change, held_change, sold_change)
  local a, h, s = available[sku] + available_change, held[sku] + held_change, sold[sku] + sold_change
  if a < 0 or h < 0 or s < 0 then
    error('a count of ' .. sku .. ' would be negative')
  end
  available[sku], held[sku], sold[sku] = a, h, s
  changed_skus[sku] = true
  return string.format('%s:%d:%d:%d:%d', sku, quantity, a, h, s)
end

local function save_stock()
  local arguments = {}
  for sku in pairs(changed_skus) do
    arguments[#arguments + 1] = sku
    arguments[#arguments + 1] = string.format('%d %d %d', available[sku], held[sku], sold[sku])
  end
  call_in_parts('HSET', stock_key, arguments)
end
