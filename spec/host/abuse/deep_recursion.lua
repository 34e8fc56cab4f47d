-- Calls within each other, in Lua and through C, coroutines in coroutines.
-- log: stack overflow
-- log: C stack overflow
local spawn = require "hyperty".spawn

return {
  name = "Abuse",
  start = function()
    spawn(function()
      local function deeper() return 1 + deeper() end
      deeper()
    end)
    spawn(function()
      local function deeper() return (string.gsub("x", "x", deeper)) end
      deeper()
    end)
    spawn(function()
      local function deeper() return coroutine.wrap(deeper)() end
      deeper()
    end)
    spawn(function()
      local t = {}
      t = setmetatable(t, { __index = function(_, key) return t[key .. "x"] end })
      return t.x
    end)
    spawn(function()
      local function deeper() xpcall(deeper, deeper) end
      deeper()
      error "stack overflow, caught"
    end)
  end,
}
