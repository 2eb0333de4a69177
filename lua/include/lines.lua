-- The lines of a cart, `sku:quantity,sku:quantity`, as arrays of SKUs and quantities. Equal texts
-- are parsed once a run. Returns false for a text that is not exactly that, names a SKU twice, or is
-- outside the contract's bounds: the service checked it, and so do we, because Lua's own tonumber
-- takes `nan`, `1e3` and `0x10`.
local carts = {}

local function parse_lines(text)
  local cart = carts[text]
  if cart ~= nil then
    return cart
  end
  cart = { skus = {}, quantities = {} }
  local seen = {}
  local length = 0
  local count = 0
  for sku, quantity in string.gmatch(text .. ',', '([%w._-]+):([1-9]%d*),') do
    if #sku > 64 or #quantity > 7 or tonumber(quantity) > 1000000 or seen[sku] then
      carts[text] = false
      return false
    end
    seen[sku] = true
    count = count + 1
    cart.skus[count] = sku
    cart.quantities[count] = tonumber(quantity)
    length = length + #sku + #quantity + 2
  end
  -- What the pattern skipped would make the lengths differ.
  if count == 0 or count > 50 or length ~= #text + 1 then
    cart = false
  end
  carts[text] = cart
  return cart
end

-- The SKUs of several carts, each once.
local function distinct_skus(list)
  local skus, seen = {}, {}
  for i = 1, #list do
    for _, sku in ipairs(list[i].skus) do
      if not seen[sku] then
        seen[sku] = true
        skus[#skus + 1] = sku
      end
    end
  end
  return skus
end
