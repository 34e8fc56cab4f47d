-- Message handlers that never end: for the error that kills, and for one of its own.
-- log: took too long
local spawn = require "hyperty".spawn

local function spin()
  while true do end
end

return {
  name = "Abuse",
  start = function()
    spawn(function() xpcall(spin, spin) end)
    spawn(function() xpcall(error, spin, "x") end)
    spawn(function() while true do xpcall(spin, function() return xpcall(spin, spin) end) end end)
    spawn(function() xpcall(xpcall, spin, spin, spin) end)
    spawn(xpcall, spin, spin)
  end,
}
