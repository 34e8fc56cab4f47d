-- Changing what it shares with the host.
local hyperty = require "hyperty"

local function refused(text, ...)
  local ok, why = pcall(...)
  assert(not ok and why:find(text, 1, true), why)
end

for name, t in pairs { string = string, table = table, math = math, utf8 = utf8, os = os,
  coroutine = coroutine, hyperty = hyperty, ["hyperty.json"] = hyperty.json,
  ["hyperty.log"] = hyperty.log } do
  local key, value = next(t)
  local function set(k) t[k] = print end
  refused(name .. " is read-only: cannot set", set, key)
  refused(name .. " is read-only: cannot set", set, "x")
  refused(name .. " is read-only: cannot set", rawset, t, key, 1)
  refused("protected metatable", setmetatable, t, {})
  assert(getmetatable(t) == false)
  assert(rawget(t, key) == value and t[key] == value)
  pcall(table.insert, t, print)
  pcall(table.move, { 1, 2 }, 1, 2, 1, t)
  local is_there = false
  for k, v in pairs(t) do
    is_there = is_there or k == key and v == value
    assert(k ~= 1)
  end
  assert(is_there)
  local step, state = pairs(t)
  assert(state == t and not pcall(rawset, state, key, 1))
  assert(step(t) == key)
end

assert(getmetatable "" == false)
refused("expected, got string", setmetatable, "", {})
refused("index a string value", function() ("").x = 1 end)
refused("protected metatable", setmetatable, hyperty.json, nil)

-- Its own globals are its own; strings and the host do not use them.
string = { format = error } -- luacheck: ignore
assert(("%d"):format(5) == "5")

return { name = "Abuse", start = function() end }
