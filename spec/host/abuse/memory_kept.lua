-- All of its memory, which it keeps: its tasks fail from then on.
-- log: not enough memory
local hoard = {}

local function fill(bytes)
  for at = #hoard + 1, math.maxinteger do hoard[at] = ("x"):rep(bytes) .. at end
end

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(pcall, fill, 1 << 16)
    require "hyperty".every(0.1, function() fill(1 << 16) end)
  end,
}
