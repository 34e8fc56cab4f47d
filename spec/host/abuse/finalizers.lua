-- Finalisers, which would run at any time: there are none, whenever the field is set.
-- log: there is no __gc here
local spawn = require "hyperty".spawn

local has_run = false

local function run()
  has_run = true
  while true do end
end

return {
  name = "Abuse",
  start = function()
    spawn(function() setmetatable({}, { __gc = run }) end)
    local meta = {}
    setmetatable({}, meta)
    meta.__gc = run
    for _ = 1, 10000 do local _ = {} end
    assert(not has_run)
    assert(not pcall(setmetatable, {}, { __gc = true }))
  end,
}
