-- Each of its tasks is within its bound, but there is always one more.
local hyperty = require "hyperty"

local function work()
  for _ = 1, 50000 do local _ = {} end
end

return {
  name = "Abuse",
  start = function()
    for _ = 1, 50 do
      hyperty.spawn(function() for _ = 1, 20 do work() hyperty.sleep(0) end end)
    end
  end,
}
