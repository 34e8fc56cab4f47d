-- For specs of mutual objects: a network on which everything that passes is kept, as a node and
-- whoever listens on the way could keep it.
--
--   local world = sealed.world { "anna", "ben", { "carl", "dora" } }     users are set
--   local url = world:room({ n = 1 }, "anna", "ben")                     mutual, all are let in
--   world:finds "secret word"                                            in what has passed
--
-- `world.rule(message, is_up)` sees each message: it gives another one in its place, "drop", or
-- nil. `world.passed` is all that has: {text=, is_up=}.
local dkjson = require "dkjson"
local durable = require "spec.support.durable"
local network = require "spec.support.network"

local M = {}

local function tap(world)
  world.passed = {}
  world.net:tap(function(text, is_up)
    local verdict
    if world.rule then verdict = world.rule(dkjson.decode(text), is_up) end
    if verdict == "drop" then return false end
    if type(verdict) == "table" then text = dkjson.encode(verdict) end
    table.insert(world.passed, { text = text, is_up = is_up })
    return verdict and text or nil
  end)
end

local World = {}

local CREATE = [[
  self.room = assert(self.syncher:create {
    schema = "Resource", name = "room", data = ..., mutual = true, store = self.stored })
  self.room:on("subscribe", function(request) request:accept() end)
  self.room:on("execute", function(request)
    request:accept("answer to " .. tostring(request.params[1]))
  end)
  return self.room.url]]

---The first reports a mutual object, and lets everybody in; the others observe it.
function World:room(data, reporter, ...)
  local url = self[reporter]:eval(CREATE, data)
  for _, name in ipairs { ... } do self:join(name, url) end
  return url
end

function World:join(name, url)
  self[name]:eval([[
    self.room = assert(self.syncher:subscribe(..., { store = self.stored }))]], url)
end

---The messages of the room, as that one sees them.
function World:texts(name)
  return self[name]:eval [[
    local texts = {}
    for _, child in ipairs(self.room:children "items") do texts[#texts + 1] = child.data.text end
    return table.concat(texts, " ")]]
end

function World:say(name, text)
  self[name]:eval([[assert(self.room:add_child("items", { text = ... }))]], text)
end

---How many of the messages that have passed hold that text, also within what is base64.
function World:finds(word)
  local count = 0
  for _, entry in ipairs(self.passed) do
    if entry.text:find(word, 1, true) then count = count + 1 end
  end
  return count
end

local function extend(world)
  for name, method in pairs(World) do world[name] = method end
  tap(world)
  return world
end

function M.world(options)
  options.users = true
  return extend(network.world(options))
end

---With disks: each can be killed and started again.
function M.durable(options)
  options.users = true
  local world = extend(durable.world(options))
  for _, name in ipairs(options) do world[name]:eval "self.stored = true" end
  return world
end

return M
