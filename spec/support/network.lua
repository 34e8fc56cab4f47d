-- Hyperties in runtimes of their own on one simulated network, for stories in which messages meet.
--
--   local world = network.world { delay = { 0, 0.01 }, "anna", "ben", { "carl", "dora" } }
--
-- Each name is an instance in a runtime of its own, those in a list share one. `eval` runs code
-- inside an instance, as in objects.lua; what the code raises is raised here.
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local M = {}

local World = {}
World.__index = World

function M.world(options)
  local world = setmetatable({ logged = {}, blocks = host.blocks() }, World)
  world.net = host.network { seed = 1, delay = options.delay }
  local function log(level, who, text)
    if level == "error" then table.insert(world.logged, who .. ": " .. text) end
  end
  for _, names in ipairs(options) do
    local rt = world.net:runtime { log = log, paths = {} }
    for _, name in ipairs(type(names) == "table" and names or { names }) do
      world[name] = objects.load(rt, name)
    end
  end
  return world
end

---The reporter makes an object of the schema Resource and keeps it as self.room; the others take
---part in it and keep it likewise. Everybody is let in. Gives the URL.
function World:room(data, reporter, ...)
  local url = reporter:eval([[
    self.room = assert(self.syncher:create { schema = "Resource", name = "room", data = ... })
    self.room:on("subscribe", function(request) request:accept() end)
    return self.room.url]], data)
  for _, observer in ipairs { ... } do self:join(observer, url) end
  return url
end

function World:join(observer, url)
  observer:eval("self.room = assert(self.syncher:subscribe(...))", url)
end

---Everything that is under way arrives.
function World:settle()
  assert(self.net:settle(), "the world does not come to rest")
end

---Nothing was logged as an error, and nothing is left.
function World:finish()
  self.net:stop()
  assert(#self.logged == 0, self.logged[1])
  assert(host.blocks() == self.blocks, "memory is left")
end

return M
