-- Lines without end, and long ones.
-- log: took too long
local hyperty = require "hyperty"

return {
  name = "Abuse",
  start = function()
    hyperty.spawn(function() while true do print "x" end end)
    hyperty.spawn(function() while true do hyperty.log.debug(("x"):rep(100000)) end end)
  end,
}
