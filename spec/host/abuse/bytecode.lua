-- Compiled code, by every way to load it.
local dump = "\27Lua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08xV" .. ("\0"):rep(200)

local function refused(...)
  local f, why = load(...)
  assert(f == nil and why:find "attempt to load a binary chunk", why)
end

assert(string.dump == nil)
refused(dump)
refused(dump, "=x", "t")
refused(dump, "=x", "bt")
assert(not pcall(load, dump, "=x", "b"))
local pieces = { dump:sub(1, 1), dump:sub(2) }
refused(function() return table.remove(pieces, 1) end)
pieces = { dump }
refused(function() return table.remove(pieces, 1) end, "=x", "bt")
assert(_G.loadstring == nil and dofile == nil and loadfile == nil)

return { name = "Abuse", start = function() end }
