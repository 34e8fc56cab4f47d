-- People who chat: each has an instance of group_chat, and a second hyperty that follows it and
-- keeps what it hears. Everything is on a virtual clock.
--
--   local world = chats.world { "anna", "bob" }       all in one runtime
--   local world = chats.network({ "anna", "bob" }, { delay = { 0.01, 0.1 } })    a runtime each
--   local room = assert(world.anna.create("team"))
--   world.bob.join("team")
--   world.bob:heard()                                 { "joined bob" }
--
-- With `disks` each runtime of a network has one (`without`: names of those that have none), and
-- can be killed or stopped and come back on it:
--
--   world:crash "bob"  world:start "bob"
local host = require "hyperty.host"

local M = {}

local FOLLOWER = [[
local hyperty = require "hyperty"
local Follower = { name = "Follower", api = {} }
function Follower:start(config)
  self.heard = hyperty.array {}
  for _, event in ipairs(config.events) do
    hyperty.follow(config.url, event, function(...)
      table.insert(self.heard, { event = event, count = select("#", ...), fields = ... })
    end)
  end
end
function Follower.api.drain(self)
  local heard = self.heard
  self.heard = hyperty.array {}
  return heard
end
return Follower
]]

local EVENTS = {
  "message", "edited", "removed", "joined", "left", "typing", "closed", "status",
}

-- What an event is about, for people: users by their last part, messages by their text.
local LINES = {
  message = function(e) return ("message %s: %s"):format(e.from, e.text) end,
  edited = function(e) return ("edited %s: %s"):format(e.from, e.text) end,
  removed = function(e) return ("removed %s"):format(e.id) end,
  joined = function(e) return ("joined %s"):format(e.user) end,
  left = function(e) return ("left %s"):format(e.user) end,
  typing = function(e) return ("typing %s"):format(e.from) end,
  closed = function(e) return ("closed: %s"):format(e.reason) end,
  status = function(e) return ("status %s"):format(e.state) end,
}

local World = {}
World.__index = World

-- A person's functions are those of the chat; `name`, `user`, `url` and these come on top.
local Person = {}

---The events since the last call, as they came.
function Person:events()
  local events = {}
  for i, entry in ipairs(self.follower:call "drain") do
    assert(entry.count == 1, "an event has one table")
    events[i] = entry.fields
    events[i].event = entry.event
  end
  return events
end

---The same as lines: "joined bob", "message bob: hi".
function Person:heard()
  local lines = {}
  for i, event in ipairs(self:events()) do
    lines[i] = LINES[event.event](event):gsub("user://[^/]+/", "")
  end
  return lines
end

---The users in the room, in order.
function Person:sees(room)
  local users = {}
  for i, member in ipairs(assert(self.members(room))) do
    users[i] = (member.user or member.hyperty):gsub("user://[^/]+/", "")
  end
  return users
end

---The texts in the room, in order.
function Person:reads(room, n)
  local texts = {}
  for i, message in ipairs(assert(self.history(room, n))) do texts[i] = message.text end
  return texts
end

---Unloads the chat.
function Person:quits() assert(self.instance:unload()) end

local person_meta = {
  __index = function(self, key) return Person[key] or self.instance.api[key] end,
}

---Somebody comes with a chat. `as` names the instance where the user has several.
function World:add(name, rt, as)
  local user = "user://localhost/" .. name
  local instance = assert(rt:load("group_chat", { user = user, as = as or name }))
  local follower = assert(
    rt:load_text(FOLLOWER, { url = instance.url, events = EVENTS }, "follower.lua"))
  local person = setmetatable({ name = name, user = user, url = instance.url,
    instance = instance, follower = follower }, person_meta)
  self[as or name] = person
  table.insert(self.people, person)
  return person
end

---The runtime of that person is killed. The person is not there until `start`.
function World:crash(name) self:lose(name, "crash") end

---It ends as it should.
function World:halt(name) self:lose(name, "stop") end

function World:lose(name, how)
  self.runtimes[name][how](self.runtimes[name])
  for i, person in ipairs(self.people) do
    if person == self[name] then table.remove(self.people, i) end
  end
  self.runtimes[name], self[name] = nil, nil
end

---A runtime for that person, on the disk of the one before.
function World:start(name)
  self.runtimes[name] = self.net:runtime { log = self.take, store = self.disks[name] }
  return self:add(name, self.runtimes[name])
end

---Time passes; what is under way arrives.
function World:run(seconds)
  (self.net or self.rt):run(seconds or self.pause)
end

---Somebody opens a room, the others join it, and nobody has heard of it yet.
function World:open(who, ...)
  local room = assert(who.create "team")
  for _, person in ipairs { ... } do assert(person.join(room)) end
  self:run()
  for _, person in ipairs(self.people) do person:heard() end
  return room
end

---What is under way arrives; these people have heard that, and nothing else.
function World:all_hear(lines, ...)
  self:run()
  for _, person in ipairs { ... } do
    local heard = person:heard()
    local found, wanted = table.concat(heard, "\n"), table.concat(lines, "\n")
    if found ~= wanted then
      error(("%s heard:\n%s\nbut should have heard:\n%s"):format(person.name, found, wanted), 2)
    end
  end
end

---What was logged as an error or a warning since the last call.
function World:logged()
  local logged = self.log
  self.log = {}
  return logged
end

---Ends it, and proves that nothing is left.
function World:stop()
  local driver = self.net or self.rt
  driver:stop()
  for _, disk in pairs(self.disks) do disk:close() end
  assert(#self.log == 0, self.log[1])
  assert(host.blocks() == self.blocks, "blocks are left")
end

local function new()
  local world = setmetatable({ log = {}, people = {}, disks = {}, pause = 0.5,
    blocks = host.blocks() }, World)
  function world.take(level, who, text)
    if level == "error" or level == "warn" then
      table.insert(world.log, ("%s: %s: %s"):format(level, who, text))
    end
  end
  return world
end

---All these people in one runtime, world.rt.
function M.world(names)
  local world = new()
  world.rt = host.runtime { clock = "virtual", seed = 1, log = world.take }
  for _, name in ipairs(names) do world:add(name, world.rt) end
  return world
end

---Each of these people in a runtime of their own, joined by world.net.
function M.network(names, options)
  local world = new()
  local has_disks, without = options.disks, options.without or {}
  options.seed, options.disks, options.without = options.seed or 1, nil, nil
  world.pause = 20 * options.delay[2] -- more than any answer to an answer takes
  world.net = host.network(options)
  world.runtimes = {}
  for _, name in ipairs(names) do
    world.disks[name] = has_disks and not without[name] and host.disk { seed = 1 } or nil
    world:start(name)
  end
  return world
end

---The call failed with this code, and a text that has this part.
function M.refused(code, part, ...)
  local value, text, got = ...
  if value ~= nil then error("it did not fail", 2) end
  if got ~= code or not tostring(text):find(part, 1, true) then
    error(("failed with %s %q, not with %s %q"):format(
      tostring(got), tostring(text), code, part), 2)
  end
end

return M
