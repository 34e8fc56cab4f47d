-- Coroutines without end: made, started, left waiting, passed on.
-- log: took too long
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    spawn(function()
      while true do coroutine.wrap(function() coroutine.yield() end)() end
    end)
    spawn(function()
      local kept = {}
      while true do
        pcall(function() kept[#kept + 1] = coroutine.create(function() end) end)
      end
    end)
    spawn(function()
      while true do
        coroutine.wrap(function() pcall(function() while true do end end) end)()
      end
    end)
  end,
}
