-- Somebody who belongs to no object: a runtime of its own with a raw endpoint that says what it has
-- no right to say. It is refused, each time, and hears nothing; that nothing comes of what it tried
-- is seen by the other oracles.
local check = require "spec.sim.check"
local plain = require "spec.sim.plain"

local M = {}

local NODE = "domain://msg-node.%s/sm"

-- The endpoint in that domain: one that listens, which would also hear what it says itself, and one
-- that speaks.
local function endpoint(world, domain, listens)
  world.intruders = world.intruders or {}
  local name = domain .. (listens and " ear" or " mouth")
  if not world.intruders[name] then
    local runtime = world.net:runtime { domain = domain, paths = {} }
    world.net:run(2)
    world.intruders[name] = { runtime = runtime, port = runtime:port(runtime:url() .. "/thief"),
      url = runtime:url() .. "/thief" }
  end
  return world.intruders[name]
end

local TRIES = {}

function TRIES.write(_, object)
  return { type = "update", from = object.url, to = object.url .. "/changes",
    body = { epoch = object.epoch, version = object.version + 1, attribute = "stolen",
      value = true } }
end

function TRIES.stamp(thief, object)
  return { type = "event", from = object.url, to = object.url .. "/changes",
    body = { value = { epoch = object.epoch, version = object.version + 1,
      child = { op = "delete", collection = "items", resource = "x#1", reporter = thief.url,
        version = 1 } } } }
end

function TRIES.epoch(_, object)
  return { type = "event", from = object.url, to = object.url .. "/changes",
    body = { value = { digest = { epoch = "999-ffffffff", version = 999 } } } }
end

TRIES["delete"] = function(_, object)
  return { type = "delete", from = object.url .. "/subscription", to = object.url .. "/changes" }
end

function TRIES.hold(thief, object)
  return { type = "subscribe", to = NODE:format(object.actor.domain),
    body = { resources = { object.url, object.url .. "/subscription" }, source = thief.url } }
end

function TRIES.admit(thief, object)
  return { type = "execute", to = NODE:format(object.actor.domain),
    body = { method = "admit", params = { object.url, thief.url } } }
end

function TRIES.move(thief, object)
  return { type = "execute", to = NODE:format(object.actor.domain),
    body = { method = "move", params = { object.url, thief.url, "999-ffffffff" } } }
end

-- In the name of somebody who may.
TRIES["be another"] = function(_, object)
  return { type = "subscribe", to = object.url .. "/subscription",
    body = { subscriber = object.actor.url, source = object.actor.url } }
end

-- As if that address were its own, as nobody has it.
function TRIES.claim(_, object, world)
  return { type = "read",
    from = ("comm://%s/nobodys-%d"):format(object.actor.domain, world:next_label()),
    to = "domain://registry." .. object.actor.domain, body = { resource = object.url } }
end

local NAMES = { "write", "stamp", "epoch", "delete", "hold", "admit", "move", "be another",
  "claim", "claim", "claim" }

local REFUSED = { [401] = true, [403] = true, [409] = true, [503] = true }

-- It listens where observers do, without being let in.
local function eavesdrop(world, thief, object)
  local url = object.url .. "/changes"
  thief.port:request { type = "subscribe", to = NODE:format(object.actor.domain),
    body = { resources = { url }, source = thief.url } }
  thief.port:listen(url, function(message)
    local is_end = message.type == "delete" -- told to all who are there
    if not is_end then thief.heard = object.label .. ": " .. plain.show(message, 200) end
  end)
  world:tell("a stranger listens to %s", object.label)
end

-- From an endpoint of that address, as the answer goes there.
local function say(thief, message)
  if not message.from then return thief.port:request(message) end
  local port = thief.runtime:port(message.from)
  local answer = port:request(message)
  port:close()
  return answer
end

---One try at some object. Only where nothing is wrong: an address that nobody has is anybody's.
function M.try(world, object)
  if not object or world.is_disturbed or object.heir then return end
  local listens = world.draw:chance(0.2)
  local thief = endpoint(world, object.actor.domain, listens)
  if listens then return eavesdrop(world, thief, object) end
  local name = world.draw:one(NAMES)
  local answer = say(thief, TRIES[name](thief, object, world))
  local code = answer and answer.body and answer.body.code
  world:tell("a stranger tries to %s: %s, %s", name, object.label, tostring(code))
  if code and not REFUSED[code] and not world.is_disturbed then
    check.fault("intruder", "a stranger tried to %s, of %s, and was answered %d", name,
      object.label, code)
  end
end

---All is quiet: it has heard nothing.
function M.settle(world)
  for _, thief in pairs(world.intruders or {}) do
    if thief.heard then
      check.fault("intruder", "a stranger who was not let in has heard of %s", thief.heard)
    end
  end
end

return M
