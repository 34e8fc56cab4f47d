-- Functions of the library over ranges that have no end, and lengths that lie.
-- log: took too long
local spawn = require "hyperty".spawn

local function lying(length)
  return setmetatable({}, { __len = function() return length end })
end

return {
  name = "Abuse",
  start = function()
    spawn(function() table.move({}, 1, 1 << 28, 2) end)
    spawn(function() table.move(lying(1), 1, math.maxinteger - 1, 2, lying(1)) end)
    spawn(function() table.insert(lying(1 << 40), 1, 1) end)
    spawn(function() table.remove(lying(1 << 40), 1) end)
    spawn(function() table.concat(lying(1 << 40)) end)
    spawn(function() table.sort(lying(1 << 30)) end)
    spawn(function() table.sort(lying((1 << 31) - 2), function() return true end) end)
    spawn(function() return table.unpack({}, 1, 1 << 30) end)
    spawn(function() return select("#", table.unpack(lying(1 << 40))) end)
    spawn(function()
      local t = {}
      for at = 1, 1 << 15 do t[at] = at end
      while true do
        table.sort(t, function(a, b) return (a * 7919) % 65537 < (b * 7919) % 65537 end)
      end
    end)
    spawn(function()
      local t = {}
      for at = 1, 1 << 14 do t[at] = at end
      for at = 1, 1 << 14 do t[at] = nil end
      while true do next(t) end
    end)
    spawn(function() for _ in ipairs(setmetatable({}, { __index = function() return 1 end })) do
      local _ = 1
    end end)
  end,
}
