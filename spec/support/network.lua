-- Hyperties in runtimes of their own on one simulated network, for stories in which messages meet.
--
--   local world = network.world { delay = { 0, 0.01 }, "anna", "ben", { "carl", "dora" } }
--
-- Each name is an instance in a runtime of its own, those in a list share one, which may be of
-- another domain, { "eve", domain = "far" }, and know schemas of its own: { "ben", schemas = {…} }
-- (those of the options are known by all others). With `users` each acts for
-- user://localhost/<name>; `policy` and `groups` are those of each runtime, `lines` what policy has
-- logged. With `auth` the node of localhost asks for tokens: that of a runtime names the users of
-- all who live in it, or those in `tokens` under the name of the first. `eval` runs code inside an
-- instance, as in objects.lua; what the code raises is raised here.
local host = require "hyperty.host"
local objects = require "spec.support.objects"

local M = {}

---A secret in a file that others may not read.
function M.make_key()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(("secret "):rep(8))
  file:close()
  return path
end

---The option `token` of a runtime that speaks for those who live in it, or for the `users` given.
function M.token(key, names, users)
  if not users then
    users = {}
    for i, name in ipairs(names) do users[i] = "user://localhost/" .. name end
  end
  local token = host.token { key = key, sub = "hyperty-runtime://localhost", user = users }
  return function(domain) return domain ~= "far" and token or nil end
end

local World = {}
World.__index = World
M.World = World -- for those that extend it

function M.world(options)
  local world = setmetatable({ logged = {}, warned = {}, lines = {}, blocks = host.blocks(),
    runtimes = {} }, World)
  if options.node_disk then world.disk = host.disk(options.node_disk) end
  if options.auth then world.key = M.make_key() end
  world.net = host.network { seed = 1, auth_keys = world.key and { world.key },
    delay = options.delay, queue_bytes = options.queue_bytes, grace = options.grace,
    node_store = world.disk, history_bytes = options.history_bytes }
  for _, names in ipairs(options) do
    if type(names) == "table" and names.domain then
      world.net:domain(names.domain, { auth = false })
    end
  end
  local function log(level, who, text)
    if level == "error" then table.insert(world.logged, who .. ": " .. text) end
    if level == "warn" then table.insert(world.warned, who .. ": " .. text) end
    if who == "policy" then table.insert(world.lines, text) end
  end
  for _, names in ipairs(options) do
    local domain = type(names) == "table" and names.domain or nil
    local schemas = type(names) == "table" and names.schemas or options.schemas
    local all = type(names) == "table" and names or { names }
    local rt = world.net:runtime { log = log, paths = {}, domain = domain, schemas = schemas,
      policy = options.policy, groups = options.groups,
      token = world.key and M.token(world.key, all, (options.tokens or {})[all[1]]) or nil }
    for _, name in ipairs(all) do
      world[name] = objects.load(rt, name, options.users and "user://localhost/" .. name)
      world.runtimes[name] = rt
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

---Time passes.
function World:run(seconds)
  self.net:run(seconds)
end

---The runtime of that instance loses its session at the node; gets a new one; both.
function World:disconnect(name) self.net:disconnect(self.runtimes[name]) end

function World:connect(name) self.net:connect(self.runtimes[name]) end

function World:reconnect(name) self.net:reconnect(self.runtimes[name]) end

---Nothing goes through to or from the runtime; and again, in the same session.
function World:interrupt(name, is_away) self.net:interrupt(self.runtimes[name], is_away) end

---The runtime of that instance reads nothing for a while of what its node has for it; and again.
function World:stall(name, is_stalled) self.net:stall(self.runtimes[name], is_stalled) end

---What is sent by the runtime, and what is sent to it, is lost; nobody is told.
function World:cut(name, up, down) self.net:cut(self.runtimes[name], up, down) end

---Another node takes the place of the one that was; the runtimes connect in this order.
function World:restart_node(...)
  self.net:restart_node()
  for _, name in ipairs { ... } do
    self:connect(name)
    self:run(0.2)
  end
end

---From now on the instance notes what it hears of self.room; `heard` gives that, and forgets it.
function World:listen(name)
  self[name]:eval [[
    self.heard = {}
    local function note(text) table.insert(self.heard, text) end
    local room = self.room
    if not pcall(function() return room.observers end) then
      room:on("change", function(change) note(change.path .. "=" .. tostring(change.value)) end)
      room:on("resync", function(from, to, reason) note("resync " .. reason) end)
      room:on("delete", function(reason) note(reason) end)
    end
    room:on("child", function(event)
      note(event.kind .. " " .. (event.change and event.change.value or event.child.data.text))
    end)
    room:on("status", function(status) note(status.state) end)]]
end

function World:heard(name)
  return self[name]:eval "local heard = self.heard self.heard = {} return heard"
end

---Nothing was logged as an error, and nothing is left.
function World:finish()
  self.net:stop()
  if self.disk then self.disk:close() end
  if self.key then os.remove(self.key) end
  assert(#self.logged == 0, self.logged[1])
  assert(host.blocks() == self.blocks, "memory is left")
end

return M
