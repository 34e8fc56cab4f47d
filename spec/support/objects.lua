-- Hyperties that do nothing by themselves, for specs of what scripts can do: each spec runs code
-- inside them. Everything is on a virtual clock.
--
--   local world = objects.world()
--   world.anna:eval("self.room = …")
local host = require "hyperty.host"

local M = {}

local SOURCE = [[
local hyperty = require "hyperty"
local Actor = { name = "Actor", api = {} }
return Actor
]]

local World = {}
World.__index = World

local function check(ran, ...)
  if ran ~= true then error((...) or "eval failed", 3) end
  return ...
end

-- As the instance's own eval, but what the code raises is raised here.
local function eval(instance, code, ...)
  local plain = getmetatable(instance).__index.eval
  return check(plain(instance, "return true, (function(self, ...) " .. code .. "\nend)(...)", ...))
end

---An instance of that name in a runtime, maybe of a user; what code raises in its `eval` is raised
---here.
function M.load(rt, name, user)
  local instance = assert(rt:load_text(SOURCE, { as = name, user = user }, name .. ".lua"))
  instance.eval = eval
  return instance
end

---A runtime with instances by these names (anna and ben unless told), which knows these schemas.
function M.world(names, schemas)
  local world = setmetatable({ logged = {}, warned = {} }, World)
  world.rt = host.runtime {
    clock = "virtual", seed = 1, schemas = schemas,
    log = function(level, who, text)
      local list = level == "error" and world.logged or level == "warn" and world.warned
      if list then table.insert(list, who .. ": " .. text) end
    end,
  }
  for _, name in ipairs(names or { "anna", "ben" }) do
    world[name] = M.load(world.rt, name)
  end
  return world
end

---Time passes; what is under way arrives.
function World:run(seconds)
  self.rt:run(seconds or 0.1)
end

---Anna reports a room of the schema Resource that lets everybody in, ben observes it; both keep it
---as self.room. Gives its URL.
function World:room(data)
  local url = self.anna:eval([[
    self.room = assert(self.syncher:create { schema = "Resource", name = "room", data = ... })
    self.room:on("subscribe", function(request) request:accept() end)
    return self.room.url]], data or { values = { 1, 2, 3 } })
  self:join("ben", url)
  return url
end

---The instance observes the object and keeps it as self.room.
function World:join(name, url)
  self[name]:eval("self.room = assert(self.syncher:subscribe(...))", url)
end

---What was logged as a warning since the last call.
function World:warnings()
  local warned = self.warned
  self.warned = {}
  return warned
end

---What was logged as an error since the last call.
function World:errors()
  local logged = self.logged
  self.logged = {}
  return logged
end

---Runs code that must raise in an instance; gives the text.
function M.raised(instance, code, ...)
  return instance:eval(([[
    local ok, err = pcall(function(...) %s end, ...)
    assert(not ok, "nothing was raised")
    return tostring(err)]]):format(code), ...)
end

---The text has that part.
function M.has(part, text)
  if text and text:find(part, 1, true) then return end
  error(("%q is not in %q"):format(part, tostring(text)), 2)
end

return M
