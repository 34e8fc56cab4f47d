-- Errors that cannot be told: their __tostring raises, gives no text, raises itself, or never ends.
-- log: took too long
-- log: no text
-- log: '__tostring' must return a string
local spawn = require "hyperty".spawn

local function raise(tostring_of)
  spawn(function() error(setmetatable({}, { __tostring = tostring_of })) end)
end

return {
  name = "Abuse",
  start = function()
    raise(function() while true do end end)
    raise(function() error("no text", 0) end)
    raise(function() return {} end)
    raise(function(self) error(self) end)
    raise(function(self) return tostring(self) end)
  end,
}
