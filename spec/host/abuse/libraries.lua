-- What is not on the list is nowhere to be found: not in any table, metatable, or result.
local hyperty = require "hyperty"

for _, name in ipairs { "io", "debug", "package", "collectgarbage", "dofile", "loadfile" } do
  assert(_G[name] == nil, name)
end
for _, name in ipairs { "execute", "remove", "rename", "exit", "getenv", "tmpname", "setlocale" } do
  assert(os[name] == nil, name)
end
for _, name in ipairs { "io", "debug", "package", "os", "string", "_G", "ffi", "hyperty.host", "..",
  "/etc/passwd", "hyperty..x", "a/b", "../neighbour", "" } do
  assert(not pcall(require, name), name)
end

local FORBIDDEN = { getregistry = 1, getupvalue = 1, popen = 1, loadlib = 1, execute = 1, dump = 1,
  loadfile = 1, dofile = 1, collectgarbage = 1, _LOADED = 1, _PRELOAD = 1, searchpath = 1 }

-- Follows all that can be followed, with the metatables of values of each type.
local function walk(root)
  local seen, queue = {}, { root }
  while #queue > 0 do
    local value = table.remove(queue)
    if value ~= nil and not seen[value] then
      seen[value] = true
      local meta = getmetatable(value)
      assert(type(value) == "table" or type(meta) ~= "table", "a metatable of the host is open")
      queue[#queue + 1] = meta
      if type(value) == "table" then
        for key, item in pairs(value) do
          assert(not FORBIDDEN[key], key)
          queue[#queue + 1] = key
          queue[#queue + 1] = item
        end
      end
    end
  end
  return seen
end

return {
  name = "Abuse",
  start = function(self)
    local object = assert(self.syncher:create { schema = "Resource", data = { list = { 1 } } })
    local ok, err = pcall(error)
    local _, raised = pcall(function() local x = nil; return x.y end)
    walk { _G, hyperty, self, self.syncher, self.state, object, object.data, object.data.list,
      coroutine.create(print), print, "", 1, true, hyperty.null, ok, err, raised,
      hyperty.array {}, hyperty.object {}, object:on("child", print), hyperty.after(1000, print),
      string.gmatch("x", "x"), pairs {}, pairs(string), ipairs {}, coroutine.wrap(print),
      load "return 1" }
  end,
}
