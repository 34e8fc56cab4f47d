-- All of its memory to the last bytes, and then a loop without end: why it is killed is told though
-- there is no room for the text.
-- log: took too long
local hoard = {}

local function fill(size)
  local rest = ("x"):rep(size)
  for at = #hoard + 1, math.maxinteger do hoard[at] = rest .. at end
end

return {
  name = "Abuse",
  start = function()
    require "hyperty".spawn(function()
      for _, size in ipairs { 1 << 16, 1 << 12, 1 << 8, 16 } do pcall(fill, size) end
      local last
      pcall(function() while true do last = { last } end end)
      while last do end
    end)
  end,
}
