-- Random draws of a world: its own small generator (xorshift64*), so that one seed gives one run on
-- every machine, whatever else in the process draws numbers.
--
--   local draw = require("spec.sim.draw").new(7)
--   draw:int(1, 6)  draw:chance(0.5)  draw:one { "a", "b" }  draw:weighted { { 3, f }, { 1, g } }
local M = {}

local Draw = {}
Draw.__index = Draw

-- The next 53 bits.
local function bits(self)
  local x = self.state
  x = x ~ (x >> 12)
  x = x ~ (x << 25)
  x = x ~ (x >> 27)
  self.state = x
  return x * 0x2545F4914F6CDD1D >> 11
end

---@param seed integer
function M.new(seed)
  local draw = setmetatable({ state = seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D }, Draw)
  if draw.state == 0 then draw.state = 1 end
  for _ = 1, 4 do bits(draw) end -- near seeds shall not begin alike
  return draw
end

---An integer from low to high.
function Draw:int(low, high)
  return low + bits(self) % (high - low + 1)
end

---True that often.
function Draw:chance(probability)
  return bits(self) * 0x1p-53 < probability
end

---One of a list.
function Draw:one(list)
  return list[self:int(1, #list)]
end

local function total_of(pairs_)
  local total = 0
  for i = 1, #pairs_ do total = total + pairs_[i][1] end
  pairs_.total = total -- most lists are drawn from often
  return total
end

---The second of one of these pairs, as often as its first says. The list does not change
---afterwards.
function Draw:weighted(pairs_)
  local at, i = self:int(1, pairs_.total or total_of(pairs_)), 0
  repeat
    i = i + 1
    local pair = pairs_[i]
    at = at - pair[1]
  until at <= 0
  return pairs_[i][2]
end

return M
