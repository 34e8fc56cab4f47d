-- Hyperties in runtimes with disks, on one simulated network: each can be killed or stopped and
-- started again on its disk. One instance a runtime, of the same name.
--
--   local world = durable.world { delay = { 0, 0.01 }, "anna", "ben" }
--   world:crash "anna"  world:start "anna"
--
-- `users`, `auth`, `policy` and `groups` are as in network.lua, and may be changed for the next
-- start in `world.options`. `eval` runs code inside an instance, as in objects.lua; `listen` and
-- `heard` as in network.lua.
local host = require "hyperty.host"
local network = require "spec.support.network"
local objects = require "spec.support.objects"

local M = {}

local World = setmetatable({}, { __index = network.World })
World.__index = World

---`without`: names of those that have no disk. `schemas`: by name, what each knows; may be changed
---in the world (`world.schemas`) before one is started again.
function M.world(options)
  local world = setmetatable({ logged = {}, warned = {}, blocks = host.blocks(), runtimes = {},
    disks = {}, options = options, schemas = options.schemas or {} }, World)
  if options.auth then world.key = network.make_key() end
  world.net = host.network {
    seed = options.seed or 1, auth_keys = world.key and { world.key },
    delay = options.delay, grace = options.grace,
  }
  for _, name in ipairs(options) do
    local has_disk = not (options.without or {})[name]
    world.disks[name] = has_disk
      and host.disk { seed = options.disk_seed or 1, delay = options.disk_delay } or nil
    world:start(name)
  end
  return world
end

---The runtime of that name, on its disk, with its instance.
function World:start(name)
  local rt = self.net:runtime {
    paths = {}, store = self.disks[name], schemas = self.schemas[name],
    policy = self.options.policy, groups = self.options.groups,
    token = self.key and network.token(self.key, { name }) or nil,
    log = function(level, who, text)
      if level == "error" then table.insert(self.logged, who .. ": " .. text) end
      if level == "warn" then table.insert(self.warned, who .. ": " .. text) end
    end,
  }
  self.runtimes[name] = rt
  self[name] = objects.load(rt, name, self.options.users and "user://localhost/" .. name)
  return self[name]
end

---Killed: it says nothing, and what is not committed is lost.
function World:crash(name)
  self.runtimes[name]:crash()
  self.runtimes[name], self[name] = nil, nil
end

function World:stop(name)
  self.runtimes[name]:stop()
  self.runtimes[name], self[name] = nil, nil
end

function World:finish()
  self.net:stop()
  for _, disk in pairs(self.disks) do disk:close() end
  if self.key then os.remove(self.key) end
  assert(#self.logged == 0, self.logged[1])
  assert(host.blocks() == self.blocks, "memory is left")
end

---Data and children of what the instance has as self.room, to compare.
function World:state(name)
  return self[name]:eval [[
    local hyperty = require "hyperty"
    local state = { data = hyperty.copy(self.room.data), items = {} }
    for _, child in ipairs(self.room:children("items")) do
      if child.state == "kept" then
        table.insert(state.items, { id = child.id, text = child.data.text, order = child.order })
      end
    end
    return state]]
end

return M
