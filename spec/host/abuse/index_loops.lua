-- Chains of __index and __newindex that lead back.
-- log: '__index' chain too long; possible loop
-- log: '__newindex' chain too long; possible loop
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    local t, meta = {}, {}
    meta.__index, meta.__newindex = t, t
    setmetatable(t, meta)
    spawn(function() return t.x end)
    spawn(function() t.x = 1 end)
  end,
}
