-- All of its memory, which it keeps: its tasks fail from then on.
-- log: not enough memory
local hoard = {}

local chunk = ("x"):rep(1 << 16)

local function fill()
  for at = #hoard + 1, math.maxinteger do hoard[at] = chunk .. at end
end

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(pcall, fill)
    require "hyperty".every(0.1, fill)
  end,
}
