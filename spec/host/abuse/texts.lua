-- Texts that are asked for at once, larger than there may be.
-- log: resulting string too large
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    spawn(function() return ("x"):rep(1 << 40) end)
    spawn(function() return ("x"):rep(math.maxinteger, "y") end)
    spawn(function() return (""):rep(math.maxinteger) end)
    spawn(function() return ("%99.99f"):rep(10000):format() end)
    spawn(function() return ("%s"):format(("x"):rep(1 << 22)):rep(100) end)
    spawn(function() return table.concat({}, ("x"):rep(1 << 20), 1, 100) end)
    spawn(function() return utf8.char(table.unpack({}, 1, 1 << 20)) end)
    spawn(function() return string.pack(("s"):rep(1000), ("x"):rep(1000)) end)
    spawn(function() return string.pack("!16 i16 Xi16 " .. ("z"):rep(1000), 1) end)
    spawn(function()
      for _ = 1, math.maxinteger do local _ = ("x"):rep(1 << 20):reverse():upper():byte(-1) end
    end)
  end,
}
