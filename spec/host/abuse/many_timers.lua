-- 10,000 timers that all fire each 10 ms, and as many more as there is memory for.
-- log: not enough memory
local hyperty = require "hyperty"

return {
  name = "Abuse",
  start = function()
    local count = 0
    for _ = 1, 10000 do hyperty.every(0.01, function() count = count + 1 end) end
    hyperty.spawn(function()
      while true do assert(hyperty.after(1000, print)) end
    end)
  end,
}
