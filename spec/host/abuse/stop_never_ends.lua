-- Its last words.
-- log: stop: spec/host/abuse/stop_never_ends.lua:7: took too long
-- log: closing a task: spec/host/abuse/stop_never_ends.lua:7: took too long
local hyperty = require "hyperty"

local function spin()
  while true do pcall(function() while true do end end) end
end

return {
  name = "Abuse",
  start = function()
    for _ = 1, 1000 do
      hyperty.spawn(function()
        local _ <close> = setmetatable({}, { __close = spin })
        hyperty.sleep(1000)
      end)
    end
    hyperty.after(0.1, function() print "unload me" end)
  end,
  stop = spin,
}
